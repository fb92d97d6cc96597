// The page: reads the API, keeps the last windows of each group, draws. Whatever comes from the stream is set as text.
import { connect, get, setToken } from "/assets/feed.js";
import { Boards } from "/assets/boards.js";

const KEPT_WINDOWS = 24;
const $ = (id) => document.getElementById(id);
const boards = new Boards($("boards"));
const number = new Intl.NumberFormat();

let leaderboards = [];
let shown = null; // the leaderboard
let groups = new Map(); // its group → { current, past: [records, the newest first] }
let pinned = ""; // the start of the window that is shown; "" is now
let pinnedResults = [];
let feed = null;
let skew = 0; // the server's clock less ours
let pastIsDue = 0; // the timer that asks for windows that have just ended

const keyOf = (result) => JSON.stringify(Object.values(result.group));

function setState(state, words) {
  document.body.dataset.state = state;
  if ($("state").dataset.state === state && $("state").textContent === words) return;
  $("state").dataset.state = state;
  $("state").textContent = words;
}

function say(words) {
  $("notice").hidden = !words;
  $("notice").textContent = words ?? "";
}

function remember(group, record) {
  const at = group.past.findIndex((r) => r.window_end <= record.window_end);
  if (at >= 0 && group.past[at].window_end === record.window_end) {
    if (group.past[at].revision < record.revision) group.past[at] = record;
  } else {
    group.past.splice(at < 0 ? group.past.length : at, 0, record);
    group.past.length = Math.min(group.past.length, KEPT_WINDOWS);
  }
}

function take(result) {
  const key = keyOf(result);
  const group = groups.get(key) ?? { current: null, past: [] };
  groups.set(key, group);
  if (group.current && group.current.window_end < result.window_end) {
    remember(group, group.current);
    // The next window may come at once with this one's final, which the stream then passes over.
    // It has been published with what was just taken. Once for all groups of this message: a timer only of the next turn.
    if (!group.current.final) pastIsDue ||= setTimeout(loadPast, 0, 3);
  }
  if (!group.current || group.current.window_end <= result.window_end) group.current = result;
  if (result.final) remember(group, result);
}

async function loadPast(windows) {
  pastIsDue = 0;
  const mine = shown;
  const query = new URLSearchParams({ leaderboard: mine.name, windows, limit: 5000 });
  try {
    const past = await get(`/api/v1/history?${query}`);
    if (mine === shown) past.results.forEach(take), draw();
  } catch {
    // Without a past there are no arrows yet; the feed says what is wrong.
  }
}

function onTop(data) {
  if (data.whole) {
    // The server's word, whatever was there: it may have begun anew.
    for (const group of groups.values()) {
      if (group.current) remember(group, group.current);
      group.current = null;
    }
  }
  data.results.forEach(take);
  draw();
}

function onStatus(status) {
  skew = status.now - Date.now();
  $("rate").textContent = number.format(status.events_per_s);
  $("lag").textContent = status.lag_messages === null ? "unknown" : number.format(status.lag_messages);
  $("delay").textContent = status.watermark_delay_ms === null ? "–" : duration(Math.max(0, status.watermark_delay_ms));
  $("foot").textContent = `marquee ${status.version} · group ${status.group} · engine ${status.engine}`;
  say(status.ready ? "" : `marquee is not ready: ${status.reason ?? status.phase}`);
}

export function duration(ms) {
  const s = Math.round(ms / 1000);
  if (ms < 10_000) return `${(ms / 1000).toFixed(1)} s`;
  if (s < 120) return `${s} s`;
  if (s < 7200) return `${Math.round(s / 60)} min`;
  return s < 172_800 ? `${number.format(Math.round(s / 3600))} h` : `${number.format(Math.round(s / 86_400))} d`;
}

const filtered = (result) => {
  const words = $("filter").value.trim().toLowerCase();
  return !words || Object.values(result.group).some((value) => value.toLowerCase().includes(words));
};

function draw() {
  if (!shown) return;
  const results = pinned ? pinnedResults : [...groups.values()].map((group) => group.current).filter(Boolean);
  const views = results.filter(filtered).map((result) => {
    const past = (groups.get(keyOf(result))?.past ?? []).filter((r) => r.window_end < result.window_end);
    return { key: keyOf(result), result, before: past[0], past };
  });
  views.sort((a, b) => (a.key < b.key ? -1 : 1));
  boards.draw(views, shown, Date.now() + skew);
  $("empty").hidden = views.length > 0;
  listWindows();
}

const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit" });
const day = new Intl.DateTimeFormat(undefined, { month: "short", day: "numeric", hour: "2-digit", minute: "2-digit" });

function listWindows() {
  const select = $("window");
  const past = new Map();
  for (const group of groups.values()) for (const r of group.past) if (r.final) past.set(r.window_start, r.window_end);
  const starts = [...past.keys()].sort((a, b) => b - a).slice(0, KEPT_WINDOWS);
  const text = (start) => (shown.window.size_ms < 3_600_000 ? clock : day).format(start);
  const wanted = ["", ...starts.map(String)];
  if (pinned && !wanted.includes(pinned)) wanted.push(pinned);
  if (select.options.length === wanted.length && wanted.every((v, i) => select.options[i].value === v)) return;
  if (document.activeElement === select && select.matches(":open")) return; // not under the reader's hand
  select.replaceChildren(
    ...wanted.map((value) => new Option(value ? `from ${text(Number(value))}` : "now", value, false, value === pinned)),
  );
}

function keepPlace() {
  const place = new URLSearchParams();
  if (shown) place.set("leaderboard", shown.name);
  if ($("filter").value) place.set("group", $("filter").value);
  if (pinned) place.set("window", pinned);
  history.replaceState(null, "", `#${place}`);
}

async function pin(value) {
  pinned = value;
  keepPlace();
  if (!pinned) return draw();
  try {
    const query = new URLSearchParams({ leaderboard: shown.name, window: pinned, limit: 1000 });
    pinnedResults = (await get(`/api/v1/top?${query}`)).results;
  } catch (error) {
    pinnedResults = [];
    say(`That window cannot be read: ${error.message}`);
  }
  draw();
}

async function show(name) {
  feed?.close();
  shown = leaderboards.find((l) => l.name === name) ?? leaderboards[0];
  groups = new Map();
  pinned = "";
  boards.clear();
  const by = shown.by.length ? `by ${shown.by.join(" and ")}` : "of everything";
  $("about").textContent = `top ${shown.top} ${by}, ${shown.window.text}, ranked by ${shown.measure === "views" ? "views" : "watch time"}`;
  $("leaderboard").value = shown.name;
  keepPlace();
  const query = new URLSearchParams({ leaderboard: shown.name });
  feed = connect(query, { onTop, onStatus, onState: setState, onToken: askForToken });
  await loadPast(KEPT_WINDOWS);
}

function askForToken() {
  setState("lost", "a token is needed");
  $("ask").hidden = false;
}

async function start() {
  const place = new URLSearchParams(location.hash.slice(1));
  try {
    leaderboards = (await get("/api/v1/leaderboards?limit=0")).leaderboards;
  } catch (error) {
    if (error.status === 401) return askForToken();
    setState("lost", "connection lost, trying again");
    return void setTimeout(start, 2000);
  }
  $("ask").hidden = true;
  $("leaderboard").replaceChildren(...leaderboards.map((l) => new Option(l.name, l.name)));
  $("filter").value = place.get("group") ?? "";
  const at = place.get("window") ?? "";
  await show(place.get("leaderboard") ?? "");
  if (at) await pin(at);
}

$("leaderboard").addEventListener("change", (event) => show(event.target.value));
$("filter").addEventListener("input", () => (keepPlace(), draw()));
$("window").addEventListener("change", (event) => pin(event.target.value));
$("ask").addEventListener("submit", (event) => {
  event.preventDefault();
  setToken($("token").value);
  start();
});
setInterval(draw, 1000); // the windows' progress
start();
