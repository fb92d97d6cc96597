// The page in headless Chromium, on a running `marquee demo`: page_test.mjs MARQUEE MODULES [--shots FOLDER].
// Exit status: 0 right, 1 not, 77 skipped with a word why.
import assert from "node:assert/strict";
import { spawn, execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { createServer } from "node:net";
import { join } from "node:path";

const [marquee, modules] = process.argv.slice(2);
const shots = process.argv[4] === "--shots" ? process.argv[5] : "";
const PATIENCE = 60_000;
const PAGE_BYTES_MAX = 100_000;

function skip(why) {
  console.log(`SKIPPED browser: ${why}`);
  process.exit(77);
}

function browserPath() {
  for (const name of ["chromium", "chromium-browser", "google-chrome"]) {
    try {
      return execFileSync("which", [name], { encoding: "utf8" }).trim();
    } catch {
      continue; // not under this name
    }
  }
  return skip("no Chromium is installed");
}

if (!existsSync(join(modules, "playwright-core"))) skip("playwright-core is missing; tests/browser/fetch.py fetches it");
const executablePath = browserPath();
const { chromium } = createRequire(import.meta.url)(join(modules, "playwright-core"));
const axe = readFileSync(join(modules, "axe-core", "axe.min.js"), "utf8");

const freePort = () =>
  new Promise((resolve) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });

const port = await freePort();
const origin = `http://127.0.0.1:${port}`;
let demo;

function startDemo() {
  demo = spawn(marquee, ["demo", "--listen", `127.0.0.1:${port}`], { stdio: "ignore" });
}

async function stopDemo(signal) {
  const gone = new Promise((resolve) => demo.once("exit", resolve));
  demo.kill(signal);
  await gone;
}

const browser = await chromium.launch({
  executablePath,
  args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync"],
});

async function open(options = {}, prepare = async () => {}) {
  const context = await browser.newContext({ viewport: { width: 1440, height: 900 }, ...options });
  context.setDefaultTimeout(PATIENCE);
  const page = await context.newPage();
  page.wrong = [];
  page.asked = [];
  page.on("pageerror", (error) => page.wrong.push(error.message));
  page.on("request", (request) => page.asked.push(request.url()));
  await prepare(page);
  await page.goto(origin);
  return page;
}

const close = async (page) => {
  assert.deepEqual(page.wrong, []);
  for (const url of page.asked) assert.ok(url.startsWith(origin), `another host was asked: ${url}`);
  await page.context().close();
};

// Until `holds` is true in the page. (Playwright's own way evaluates text, which the page's policy forbids.)
async function until(page, holds, argument) {
  const end = Date.now() + PATIENCE;
  while (!(await page.evaluate(holds, argument))) {
    if (Date.now() > end) throw new Error(`not within ${PATIENCE / 1000} s: ${holds}`);
    await new Promise((resolve) => setTimeout(resolve, 30)); // between two looks
  }
}

const state = (page, words) =>
  until(page, (w) => document.getElementById("state").textContent.startsWith(w), words);
const boards = (page) => page.waitForSelector("article li");

// Item by item of each board, as they stand.
const order = (page) =>
  page.$$eval("article", (all) =>
    all.map((board) => [
      board.querySelector("h2").textContent,
      [...board.querySelectorAll(".title")].map((title) => title.textContent),
    ]),
  );

// Two titles that were on a board and still are have changed places.
async function ranksMove(page) {
  await boards(page);
  const before = new Map(await order(page));
  const end = Date.now() + PATIENCE;
  while (
    !(await order(page)).some(([board, items]) => {
      const was = before.get(board) ?? [];
      const stay = items.filter((item) => was.includes(item));
      return stay.join() !== was.filter((item) => stay.includes(item)).join();
    })
  ) {
    assert.ok(Date.now() < end, "no rank has moved");
    await new Promise((resolve) => setTimeout(resolve, 30)); // between two looks
  }
}

// The policy of the page forbids scripts of others, so axe comes in past it.
async function accessible(page, what) {
  await page.evaluate(axe);
  const found = await page.evaluate(() => axe.run(document));
  assert.deepEqual(found.violations.map((v) => `${what}: ${v.id}, ${v.nodes[0].html}`), []);
}

const tests = {
  async "boards come, ranks move, and no other host is asked"() {
    const sizes = [];
    const page = await open({}, async (p) => {
      p.on("response", async (answer) => {
        if (!answer.url().includes("/api/")) sizes.push(await answer.body().then((b) => b.length));
      });
    });
    await boards(page);
    await state(page, "live");
    await ranksMove(page);
    const bytes = sizes.reduce((a, b) => a + b, 0);
    assert.ok(bytes > 0 && bytes < PAGE_BYTES_MAX, `the page has ${bytes} bytes`);
    console.log(`  the page is ${bytes} bytes; ${(await page.$$("article")).length} boards`);
    await close(page);
  },

  async "who wants less motion sees none"() {
    const page = await open({ reducedMotion: "reduce" });
    await boards(page);
    await ranksMove(page);
    assert.equal(await page.$$eval("li.moves", (rows) => rows.length), 0);
    await close(page);
  },

  async "the server goes, the page says so, and comes back by itself"() {
    const page = await open();
    await boards(page);
    await state(page, "live");
    await stopDemo("SIGKILL");
    await state(page, "connection lost");
    assert.ok((await page.$$("article")).length > 0, "the last figures stay");
    startDemo();
    await state(page, "live");  // what the new one has to show may still be nothing
    await ranksMove(page);
    await close(page);
  },

  async "group and window are switched, and the address keeps them"() {
    const page = await open();
    await boards(page);
    await page.fill("#filter", "movie");
    await until(page, () => document.querySelectorAll("article").length === 1);
    assert.equal(await page.textContent("article h2"), "movie");
    await until(page, () => document.querySelectorAll("#window option").length > 1);
    const past = await page.$eval("#window option:nth-child(2)", (option) => option.value);
    await page.selectOption("#window", past);
    await until(page, () => document.querySelector(".chip")?.textContent === "final");
    assert.match(await page.evaluate(() => location.hash), /group=movie.*window=\d+/);
    await page.reload();
    await until(page, () => document.querySelector(".chip")?.textContent === "final");
    assert.equal((await page.$$("article")).length, 1);
    await page.selectOption("#window", "");
    await until(page, () => document.querySelector(".chip")?.textContent === "provisional");
    await page.fill("#filter", "nothing of that name");
    await until(page, () => document.querySelectorAll("article").length === 0);
    await close(page);
  },

  async "the keyboard reaches everything"() {
    const page = await open();
    await boards(page);
    const reached = [];
    for (let i = 0; i < 5; ++i) {
      await page.keyboard.press("Tab");
      reached.push(await page.evaluate(() => document.activeElement.id || document.activeElement.className));
    }
    assert.deepEqual(reached.slice(0, 4), ["skip", "leaderboard", "filter", "window"]);
    await close(page);
  },

  async "what comes from the stream is text, and polling does where streams do not pass"() {
    const title = "<script>window.hacked = 1</script><img src=x onerror='window.hacked = 1'>";
    const marks = "\u202Eright to left\u202C \u05D0\u05D1";
    const result = {
      schema: 1, leaderboard: "trending", group: { category: title }, window_start: 0, window_end: 10_000, revision: 4,
      final: false, exact: true, events: 3,
      items: [{ rank: 1, item: "a", title, views: 2, watch_ms: 1 }, { rank: 2, item: marks, views: 1, watch_ms: 1 }],
    };
    const body = JSON.stringify({ schema: 1, epoch: 1, watermark: 1, published: 1, more: false, results: [result] });
    const page = await open({}, async (p) => {
      await p.route("**/api/v1/stream*", (route) => route.abort());
      for (const path of ["top", "history"]) {
        await p.route(`**/api/v1/${path}*`, (route) => route.fulfill({ contentType: "application/json", body }));
      }
    });
    await state(page, "live, every two seconds");
    await boards(page);
    assert.equal(await page.textContent("article h2"), title);
    assert.deepEqual(await page.$$eval(".title", (all) => all.map((t) => t.textContent)), [title, marks]);
    assert.equal(await page.$eval(".title", (t) => getComputedStyle(t).unicodeBidi), "isolate");
    assert.equal(await page.evaluate(() => window.hacked), undefined);
    assert.equal(await page.$$eval("main script, main img", (all) => all.length), 0);
    await close(page);
  },

  async "a token is asked for, kept for the session, and sent"() {
    const page = await open({}, async (p) => {
      await p.route("**/api/**", (route) =>
        route.request().headers().authorization === "Bearer open sesame"
          ? route.continue()
          : route.fulfill({ status: 401, contentType: "application/json", body: '{"error":"no"}' }));
    });
    await page.waitForSelector("#ask:not([hidden])");
    await page.fill("#token", "open sesame");
    await page.keyboard.press("Enter");
    await boards(page);
    await state(page, "live");
    await page.reload();
    await boards(page);
    await close(page);
  },

  async "axe finds nothing, in light and dark, wide and as a phone"() {
    for (const [name, options] of Object.entries({
      light: { colorScheme: "light" },
      dark: { colorScheme: "dark" },
      phone: { colorScheme: "light", viewport: { width: 390, height: 844 } },
      wall: { colorScheme: "dark", viewport: { width: 2560, height: 1440 } },
    })) {
      const page = await open({ ...options, bypassCSP: true });
      await boards(page);
      await until(page, () => document.querySelectorAll(".move[data-way='up']").length > 0);
      await accessible(page, name);
      const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      assert.ok(wide <= 0, `${name}: ${wide} pixels too wide`);
      if (shots) {
        await page.emulateMedia({ reducedMotion: "reduce" }); // rows at rest
        await until(page, () => document.getAnimations().length === 0);
        await page.screenshot({ path: join(shots, `page-${name}.png`) });
      }
      await close(page);
    }
  },
};

let failed = 0;
startDemo();
try {
  // The demo answers before there is a board; each test waits for what it needs.
  for (let tries = 0; !(await fetch(`${origin}/healthz`).catch(() => null)); ++tries) {
    assert.ok(tries < 600, "the demo does not answer");
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  for (const [name, test] of Object.entries(tests)) {
    try {
      await test();
      console.log(`ok      ${name}`);
    } catch (error) {
      ++failed;
      console.log(`FAILED  ${name}: ${error.stack}`);
      if (demo.exitCode !== null || demo.signalCode !== null) startDemo();
    }
  }
} finally {
  await browser.close();
  await stopDemo("SIGKILL");
}
process.exit(failed ? 1 : 0);
