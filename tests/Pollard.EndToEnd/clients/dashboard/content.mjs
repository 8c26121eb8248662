// What hosts and clients write is text, however it looks and however much it is.
import assert from "node:assert/strict";
import { api, ended, submit } from "./gateway.mjs";

const MARKUP = '<img src=x onerror=hacked()><script>hacked()</script><a href="javascript:hacked()">x</a>';
const MEGABYTE = 1024 * 1024;

/** Takes a task as an agent with the small contract, whose own name is markup, and gives an answer back. */
async function answer(url, result) {
  const headers = { "User-Agent": "<img src=x onerror=hacked()>" };
  for (;;) {
    const { data } = await api(url, "/get-task", { headers });
    if (data) {
      return api(url, "/complete-task", { method: "POST", headers, body: { taskId: data.taskId, ...result } });
    }
  }
}

export async function showsHostileContentAsText({ browser, url, model, host }) {
  const chat = await submit(url, { model, text: `${MARKUP}\u001b[31m \u202Egnihtyna` });
  assert.equal((await ended(url, chat)).state, "completed");
  const task = async () =>
    (
      await api(url, "/v1/tasks", {
        method: "POST",
        body: { kind: "task", request: { iterations: 1 }, max_attempts: 1, metadata: { note: MARKUP } },
      })
    ).id;
  const long = await task();
  await answer(url, { result: { text: `${MARKUP}\u202e ${"All of it. ".repeat(MEGABYTE / 11)}the end` } });
  const failed = await task();
  await answer(url, { error: { message: `${MARKUP} \u001b[2Jgone \u2066isolated`, retryable: false } });
  const waiting = await submit(url, { model: "nobody-has-this", text: MARKUP, metadata: { note: "\u202Eevil" } });

  await browser.open("now", /<script>hacked/); // Among the failures.
  await browser.open("tasks", host);
  await browser.open("hosts", host);
  await browser.open(`tasks/${chat}`, "Show request");
  await browser.page.getByRole("button", { name: "Show request" }).click();
  await browser.see("\\u202Egnihtyna".toLowerCase());
  await browser.see("\\u001b[31m");
  await browser.page.getByRole("button", { name: "Show result" }).click();
  await browser.see(/<img src=x/);
  await browser.see("\\x1b[31m");
  await browser.open(`tasks/${failed}`, /\[2Jgone/);
  await browser.open(`tasks/${waiting}`, "Why it waits");
  await browser.see("\\u202eevil");
  await browser.open(`tasks/${long}`, "Show result");
  await browser.page.getByRole("button", { name: "Show result" }).click();
  await browser.until((length) => {
    const text = document.querySelector('[aria-label="Result, as JSON"]')?.textContent ?? "";
    return text.length > length && text.includes("the end");
  }, MEGABYTE);
  await browser.open("tasks", long);
  assert.equal(
    await browser.page.evaluate(
      () => document.querySelectorAll('main img, main script, a[href^="javascript"], a[href^="http"]').length,
    ),
    0,
  );
}

const rows = (page) => page.locator("main [data-row]").count();

/** Many tasks and hosts: all can be reached, and few are in the document. */
export async function staysSmallWithMany({ browser, tasks, hosts }) {
  const { page } = browser;
  await browser.open("hosts", `${hosts} hosts`);
  assert.ok((await rows(page)) < 200, `${await rows(page)} rows of hosts`);
  await page.locator("[data-search]").fill(`bench-${hosts - 1}`);
  await browser.until(() => document.querySelectorAll("main [data-row]").length === 1);

  await browser.open("tasks", "Tasks");
  const toTheEnd = () =>
    browser.until(() => {
      const list = document.querySelector(".window-table");
      list.scrollTop = list.scrollHeight;
      return list.querySelector(".table-foot")?.textContent === "That is all.";
    });
  await toTheEnd();
  assert.ok((await rows(page)) < 200, `${await rows(page)} rows of tasks`);
  assert.equal(Number(await page.locator(".tasks-table [role=table]").getAttribute("aria-rowcount")) - 1, tasks);
  const elements = await page.evaluate(() => document.querySelectorAll("*").length);
  assert.ok(elements < 4000, `${elements} elements`);
}
