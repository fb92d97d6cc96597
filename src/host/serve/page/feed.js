// The feed: the API's event stream, read through fetch so that a token can be sent; polling while it cannot be had.
// It comes back by itself, at once and then at growing pauses.
const POLL_MS = 2000;
const PAUSES_MS = [250, 1000, 2000, 4000];
const SILENCE_MS = 10_000; // a status comes each second; without one the line is dead

const headers = () => {
  const token = sessionStorage.getItem("marquee-token");
  return token ? { Authorization: `Bearer ${token}` } : {};
};

export const setToken = (token) => sessionStorage.setItem("marquee-token", token);

export async function get(path, signal) {
  const answer = await fetch(path, { headers: headers(), signal });
  if (answer.ok) return answer.json();
  const words = await answer.json().catch(() => ({}));
  throw Object.assign(new Error(words.error ?? `HTTP ${answer.status}`), { status: answer.status });
}

// Server-sent events as they come: calls back with each one's name and data.
export function parser(onEvent) {
  let pending = "";
  return (chunk) => {
    pending += chunk;
    for (let end; (end = pending.indexOf("\n\n")) >= 0; pending = pending.slice(end + 2)) {
      let name = "message";
      const data = [];
      for (const line of pending.slice(0, end).split("\n")) {
        if (line.startsWith("event: ")) name = line.slice(7);
        if (line.startsWith("data: ")) data.push(line.slice(6));
      }
      if (data.length) onEvent(name, data.join("\n"));
    }
  };
}

export function connect(query, { onTop, onStatus, onState, onToken }) {
  const all = new AbortController();
  let failures = 0;

  const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

  async function stream() {
    const one = new AbortController();
    const stop = () => one.abort();
    all.signal.addEventListener("abort", stop);
    let timer;
    const alive = () => {
      clearTimeout(timer);
      timer = setTimeout(stop, SILENCE_MS);
    };
    try {
      alive();
      const answer = await fetch(`/api/v1/stream?${query}`, { headers: headers(), signal: one.signal });
      if (!answer.ok) throw Object.assign(new Error(`HTTP ${answer.status}`), { status: answer.status });
      const feed = parser((name, data) => {
        failures = 0;
        onState("live", "live");
        if (name === "top") onTop(JSON.parse(data));
        if (name === "status") onStatus(JSON.parse(data));
      });
      const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
      for (let part; !(part = await reader.read()).done; feed(part.value)) alive();
    } finally {
      clearTimeout(timer);
      all.signal.removeEventListener("abort", stop);
    }
  }

  async function poll() {
    const top = await get(`/api/v1/top?${query}&limit=1000`, all.signal);
    onTop({ ...top, whole: true });
    onStatus(await get("/api/v1/status", all.signal));
    onState("live", "live, every two seconds");
  }

  async function run() {
    while (!all.signal.aborted) {
      try {
        await stream();
      } catch (error) {
        if (all.signal.aborted) return;
        if (error.status === 401) return onToken();
      }
      if (all.signal.aborted) return;
      ++failures;
      if (failures > 1) {
        try {
          await poll();
          await wait(POLL_MS);
          continue;
        } catch (error) {
          if (all.signal.aborted) return;
          if (error.status === 401) return onToken();
        }
      }
      onState("lost", "connection lost, trying again");
      await wait(PAUSES_MS[Math.min(failures, PAUSES_MS.length) - 1]);
    }
  }

  run();
  return { close: () => all.abort() };
}
