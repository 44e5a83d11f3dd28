"use strict";
// A report in a real browser. Usage: node report_check.js REPORT.html PAGES_MIN PAGES_MAX [PICTURES]
// It must load without an error and without asking for anything, do what its controls say, be inert
// whatever its texts say, fit a phone and a wide screen, and print on A4.

const assert = require("node:assert/strict");
const fs = require("node:fs");
const path = require("node:path");
const { pathToFileURL } = require("node:url");

const [report, least, most, pictures] = process.argv.slice(2);
const url = pathToFileURL(path.resolve(report)).href;
const WIDTHS_PX = [360, 800, 1600];

async function watched(browser) {
  const page = await browser.newPage();
  page.seen = { said: [], asked: [] };
  page.on("console", (message) => page.seen.said.push(message.text()));
  page.on("pageerror", (error) => page.seen.said.push(String(error)));
  page.on("dialog", (dialog) => { page.seen.said.push("dialog: " + dialog.message()); dialog.dismiss(); });
  page.on("request", (request) => page.seen.asked.push(request.url()));
  await page.goto(url, { waitUntil: "load" });
  return page;
}

function quiet(page) {
  assert.deepEqual(page.seen.said, [], "the browser has something to say");
  assert.deepEqual(page.seen.asked, [url], "something was asked for");
}

const shown = (page) => page.$$eval("#rows tbody tr", (rows) =>
  rows.filter((row) => row.checkVisibility()).map((row) => Array.from(row.cells, (cell) => cell.textContent)));

async function controls(page) {
  const all = await shown(page);
  assert.ok(all.length > 10, "rows");
  const statuses = await page.$$eval("#pick option", (options) => options.map((option) => option.value));
  let sum = 0;
  for (const status of statuses.slice(1)) {
    await page.select("#pick", status);
    const some = await shown(page);
    assert.ok(some.every((row) => row[1] === status), status);
    sum += some.length;
  }
  assert.equal(sum, all.length, "each row has one status");
  await page.select("#pick", "");
  const number = all[5][3];
  await page.type("#find", number.toLowerCase());
  const found = await shown(page);
  assert.ok(found.length >= 1 && found.length < all.length, "the search finds " + number);
  assert.ok(found.every((row) => row.join(" ").toLowerCase().includes(number.toLowerCase())));
  await page.click("#again");
  assert.deepEqual(await shown(page), all, "reset");
  const fen = (row) => Number(row[7].replaceAll(",", "").replace("—", "0"));
  for (const sign of [1, -1]) {
    await page.click("#rows th:nth-child(8) .sort");
    const sorted = (await shown(page)).map(fen);
    assert.deepEqual(sorted, sorted.slice().sort((a, b) => sign * (a - b)), "sorted by amount");
  }
  await page.click("#again");
  assert.deepEqual(await shown(page), all, "reset after sorting");
}

async function inert(page) {
  const title = await page.title();
  assert.ok(title.includes("·") && title !== "hit", title);
  const strange = await page.$$eval("main img, main iframe, main a, main i, main base, main script", (all) => all.length);
  assert.equal(strange, 0, "markup of a row became markup of the page");
  const text = await page.evaluate(() => document.body.innerText);
  assert.ok(!/[\u202a-\u202e\u2066-\u2069\u200e\u200f]/.test(text), "a mark that turns text around");
}

async function fits(page) {
  for (const width of WIDTHS_PX) {
    for (const scheme of ["light", "dark"]) {
      await page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: scheme }]);
      await page.setViewport({ width, height: 900 });
      const [wide, seen] = await page.evaluate(() =>
        [document.documentElement.scrollWidth, document.documentElement.clientWidth]);
      assert.ok(wide <= seen, `${width} px: the page is ${wide} px wide`);
      if (pictures) await page.screenshot({ path: `${pictures}-${width}-${scheme}.png`, clip: { x: 0, y: 0, width, height: 3600 } });
    }
  }
}

async function prints(page) {
  const pdf = Buffer.from(await page.pdf({ preferCSSPageSize: true, printBackground: false }));
  if (pictures) fs.writeFileSync(`${pictures}.pdf`, pdf);
  const text = pdf.toString("latin1");
  const pages = (text.match(/\/Type\s*\/Page[^s]/g) || []).length;
  assert.ok(pages >= Number(least) && pages <= Number(most), `${pages} pages of paper, not ${least} to ${most}`);
  assert.match(text, /\/MediaBox\s*\[0 0 59[45][.\d]* 84[12][.\d]*\]/, "A4");
  await page.emulateMediaType("print");
  const [controls, head] = await page.evaluate(() => [
    document.getElementById("controls").checkVisibility(),
    getComputedStyle(document.querySelector("#rows thead")).display,
  ]);
  assert.deepEqual([controls, head], [false, "table-header-group"]);
  await page.emulateMediaType("screen");
  return pages;
}

async function withoutScript(browser) {
  const page = await browser.newPage();
  await page.setJavaScriptEnabled(false);
  await page.goto(url);
  const [rows, bar] = await page.evaluate(() => [
    document.querySelectorAll("#rows tbody tr").length,
    document.getElementById("controls").checkVisibility(),
  ]);
  assert.ok(rows > 10 && !bar, "a plain table without a script");
  await page.close();
}

(async () => {
  const puppeteer = await import("puppeteer-core");
  const browser = await puppeteer.launch({
    executablePath: process.env.CHROMIUM || "/usr/bin/chromium",
    args: ["--no-sandbox", "--disable-gpu"],
  });
  try {
    const page = await watched(browser);
    quiet(page);
    await page.setViewport({ width: 1280, height: 900 });
    await controls(page);
    await inert(page);
    await fits(page);
    const pages = await prints(page);
    quiet(page);
    await withoutScript(browser);
    console.log(`${path.basename(report)}: quiet, inert, fits ${WIDTHS_PX.join(", ")} px, ${pages} pages of A4`);
  } finally {
    await browser.close();
  }
})().catch((error) => {
  console.error(`${report}: ${error.stack || error}`);
  process.exit(1);
});
