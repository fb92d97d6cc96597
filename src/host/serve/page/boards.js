// Boards: one card a group, its rows kept by item, so that a rank that changes can be seen to move.
const number = new Intl.NumberFormat();
const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit" });
const day = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });
const quiet = matchMedia("(prefers-reduced-motion: reduce)");
const SVG = "http://www.w3.org/2000/svg";

function make(tag, className, text) {
  const element = document.createElement(tag);
  if (className) element.className = className;
  if (text !== undefined) element.textContent = text;
  return element;
}

const setText = (element, text) => {
  if (element.textContent !== text) element.textContent = text;
};

function watchTime(ms) {
  const minutes = Math.round(ms / 60_000);
  if (minutes < 1) return `${Math.round(ms / 1000)} s`;
  if (minutes < 60) return `${minutes} min`;
  return minutes < 600 ? `${Math.floor(minutes / 60)} h ${minutes % 60} min` : `${number.format(Math.round(minutes / 60))} h`;
}

class Row {
  constructor() {
    this.element = make("li");
    this.bar = this.element.appendChild(make("div", "bar"));
    this.bar.setAttribute("aria-hidden", "true");
    this.rank = this.element.appendChild(make("span", "rank"));
    this.move = this.element.appendChild(make("span", "move"));
    this.arrow = this.move.appendChild(make("span"));
    this.arrow.setAttribute("aria-hidden", "true");
    this.moveWords = this.move.appendChild(make("span", "unseen"));
    this.title = this.element.appendChild(make("bdi", "title"));
    this.spark = this.element.appendChild(document.createElementNS(SVG, "svg"));
    this.spark.setAttribute("class", "spark");
    this.spark.setAttribute("viewBox", "0 0 72 20");
    this.spark.setAttribute("aria-hidden", "true");
    this.line = this.spark.appendChild(document.createElementNS(SVG, "path"));
    this.dot = this.spark.appendChild(document.createElementNS(SVG, "circle"));
    this.dot.setAttribute("r", "2");
    const numbers = this.element.appendChild(make("span", "numbers"));
    this.views = numbers.appendChild(make("b"));
    this.watch = numbers.appendChild(make("span"));
  }

  draw(item, measure, share, was, knowsBefore, trail) {
    setText(this.rank, String(item.rank));
    const way = !knowsBefore ? "" : was === undefined ? "new" : was > item.rank ? "up" : was < item.rank ? "down" : "same";
    this.move.dataset.way = way;
    const by = Math.abs((was ?? 0) - item.rank);
    setText(this.arrow, { up: `▲ ${by}`, down: `▼ ${by}`, new: "new", same: "=" }[way] ?? "");
    setText(this.moveWords, { up: `up ${by}`, down: `down ${by}`, new: "", same: "unchanged" }[way] ?? "");
    const title = item.title ?? item.item;
    setText(this.title, title);
    this.title.title = item.title ? `${item.title} (${item.item})` : item.item;
    setText(this.views, `${number.format(item.views)}`);
    setText(this.watch, watchTime(item.watch_ms));
    this.views.setAttribute("aria-label", `${number.format(item.views)} views,`);
    this.bar.style.transform = `scaleX(${share})`;
    this.drawSpark(trail);
  }

  drawSpark(trail) {
    const most = Math.max(...trail, 1);
    const step = trail.length > 1 ? 68 / (trail.length - 1) : 0;
    const points = trail.map((value, i) => [2 + i * step, 18 - (value / most) * 16]);
    this.line.setAttribute("d", points.map(([x, y], i) => `${i ? "L" : "M"}${x.toFixed(1)} ${y.toFixed(1)}`).join(""));
    const [x, y] = points[points.length - 1];
    this.dot.setAttribute("cx", x.toFixed(1));
    this.dot.setAttribute("cy", y.toFixed(1));
  }
}

class Board {
  constructor() {
    this.element = make("article");
    const head = this.element.appendChild(make("div", "head"));
    this.name = head.appendChild(make("h2"));
    this.chip = head.appendChild(make("span", "chip"));
    this.when = head.appendChild(make("p", "when"));
    this.total = head.appendChild(make("p", "total"));
    this.progress = head.appendChild(make("progress"));
    this.progress.max = 1;
    this.list = this.element.appendChild(make("ol"));
    this.rows = new Map();
  }

  draw({ result, before, past }, leaderboard, now) {
    const name = Object.values(result.group).map((value) => value || "(none)").join(" · ") || "everything";
    if (this.name.dataset.name !== name) {
      this.name.dataset.name = name;
      this.name.replaceChildren(make("bdi", "", name));
      this.list.setAttribute("aria-label", name);
      this.progress.setAttribute("aria-label", `window of ${name}`);
    }
    this.chip.dataset.final = result.final;
    setText(this.chip, (result.final ? "final" : "provisional") + (result.exact ? "" : ", not exact"));
    const span = result.window_end - result.window_start;
    const format = span < 3_600_000 ? clock : day;
    setText(this.when, format.formatRange(result.window_start, result.window_end));
    setText(this.total, `${number.format(result.events)} views`);
    this.progress.value = result.final ? 1 : Math.min(1, Math.max(0, (now - result.window_start) / span));

    const key = `${result.window_end}/${result.revision}/${past.length}/${before?.revision}`;
    if (key === this.drawn) return;
    this.drawn = key;
    const tops = new Map([...this.rows].map(([item, row]) => [item, row.element.offsetTop]));
    const measure = leaderboard.measure;
    this.list.classList.toggle("by-watch", measure === "watch_ms");
    const ranksBefore = new Map((before?.items ?? []).map((item) => [item.item, item.rank]));
    const most = Math.max(...result.items.map((item) => item[measure]), 1);
    const series = [...past].reverse().concat(result);
    const left = new Set(this.rows.keys());
    result.items.forEach((item, i) => {
      left.delete(item.item);
      let row = this.rows.get(item.item);
      if (!row) this.rows.set(item.item, (row = new Row()));
      const trail = series.map((r) => r.items.find((other) => other.item === item.item)?.views ?? 0);
      row.draw(item, measure, item[measure] / most, ranksBefore.get(item.item), before !== undefined, trail);
      if (this.list.children[i] !== row.element) this.list.insertBefore(row.element, this.list.children[i] ?? null);
    });
    for (const item of left) {
      this.rows.get(item).element.remove();
      this.rows.delete(item);
    }
    if (!quiet.matches) this.glide(tops);
  }

  // First, last, invert, play: from where a row was to where it is.
  glide(tops) {
    const moved = [];
    for (const [item, row] of this.rows) {
      const from = tops.get(item);
      const by = from === undefined ? 0 : from - row.element.offsetTop;
      if (!by) continue;
      row.element.classList.remove("moves");
      row.element.style.transform = `translateY(${by}px)`;
      row.element.style.zIndex = by > 0 ? "1" : "0";
      moved.push(row.element);
    }
    if (!moved.length) return;
    this.list.getBoundingClientRect(); // so that the browser sees where they begin
    for (const element of moved) {
      element.classList.add("moves");
      element.style.transform = "";
    }
  }
}

export class Boards {
  constructor(element) {
    this.element = element;
    this.boards = new Map();
  }

  clear() {
    this.boards.clear();
    this.element.replaceChildren();
  }

  draw(views, leaderboard, now) {
    const left = new Set(this.boards.keys());
    views.forEach((view, i) => {
      left.delete(view.key);
      let board = this.boards.get(view.key);
      if (!board) this.boards.set(view.key, (board = new Board()));
      board.draw(view, leaderboard, now);
      if (this.element.children[i] !== board.element) {
        this.element.insertBefore(board.element, this.element.children[i] ?? null);
      }
    });
    for (const key of left) {
      this.boards.get(key).element.remove();
      this.boards.delete(key);
    }
  }
}
