// Who may look, who may not, and a gateway that dies meanwhile.
import assert from "node:assert/strict";
import { api, ended, submit } from "./gateway.mjs";

const POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
const MOST_BYTES = 200 * 1024;

export async function signsInAndOut({ browser, url, admin, client, viewer, model }) {
  const id = await submit(url, { model, key: client });
  await ended(url, id, client);
  await browser.open("tasks?state=completed");
  await browser.page.locator("#key").fill("pk_wrong");
  await browser.page.keyboard.press("Enter");
  await browser.see("invalid api key");
  await browser.page.locator("#key").fill(client);
  await browser.page.keyboard.press("Enter");
  await browser.see(/viewer/, '[role="alert"]');
  await browser.signIn(admin);
  await browser.see(id);
  assert.match(browser.page.url(), /#\/tasks\?state=completed$/, "the same page after the login");

  const cookies = await browser.context.cookies();
  assert.deepEqual(
    cookies.map(({ httpOnly, sameSite }) => ({ httpOnly, sameSite })),
    [{ httpOnly: true, sameSite: "Strict" }],
  );
  assert.equal(await browser.page.evaluate(() => document.cookie), "");
  assert.deepEqual(
    await browser.page.evaluate(() => Object.keys(localStorage).concat(Object.keys(sessionStorage))),
    [],
  );
  await refusesWithoutTheHeader({ browser, url });

  await browser.page.getByRole("button", { name: "Sign out" }).click();
  await browser.page.locator(".login").waitFor();
  const header = { Cookie: cookies.map(({ name, value }) => `${name}=${value}`).join("; ") };
  await assert.rejects(api(url, "/v1/overview", { headers: header }), /401/, "the old cookie opens nothing");
  await looksOnly({ browser, viewer, id });
}

// Another site's form would send the cookie if SameSite did not hold it; the header it cannot send.
async function refusesWithoutTheHeader({ browser, url }) {
  const body = { kind: "chat", model: "x", request: { messages: [] } };
  const without = await browser.context.request.post(`${url}/v1/tasks`, { data: body });
  assert.equal(without.status(), 403, await without.text());
  const gone = await browser.context.request.delete(`${url}/v1/keys/key_nobody`);
  assert.equal(gone.status(), 403, await gone.text());
  const withIt = await browser.context.request.delete(`${url}/v1/keys/key_nobody`, {
    headers: { "X-Pollard-Csrf": "1" },
  });
  assert.equal(withIt.status(), 404, await withIt.text());
}

async function looksOnly({ browser, viewer, id }) {
  await browser.signIn(viewer);
  await browser.see(id);
  assert.equal(await browser.page.locator("nav").getByText("Keys").count(), 0);
  await browser.page.locator(`[href="#/tasks/${id}"]`).click();
  await browser.see("shown to admins only");
  assert.equal(await browser.page.getByRole("button", { name: /Show|Cancel|Retry/ }).count(), 0);
  await browser.page.evaluate(() => {
    location.hash = "#/keys";
  });
  await browser.see("This needs an admin's key.");
}

export async function makesKeysAndTokens({ browser, url, admin }) {
  await browser.open("keys");
  await browser.signIn(admin);
  await browser.see("Keys of clients");
  await browser.page.getByRole("button", { name: "New key" }).click();
  await browser.page.locator("dialog").getByLabel("Name").fill("someone <b>new</b>");
  await browser.page.locator("dialog").getByLabel("Requests a minute").fill("60");
  await browser.page.getByRole("button", { name: "Make the key" }).click();
  const key = await browser.page.locator("dialog pre").textContent();
  assert.match(key, /^pk_/);
  await browser.page.getByRole("button", { name: "Done" }).click();
  await browser.see("60/min");
  assert.equal((await api(url, "/v1/models", { key })).object, "list");

  await browser.page.getByRole("button", { name: "Change the key someone <b>new</b>" }).click();
  await browser.page.locator("dialog").getByLabel("Requests a minute").fill("");
  await browser.page.locator("dialog").getByLabel("Tasks at the same time").fill("3");
  await browser.page.locator("dialog").getByRole("button", { name: "Change" }).click();
  await browser.see("3 at once");
  await browser.page.getByRole("button", { name: "End the key someone <b>new</b>" }).click();
  await browser.see("someone <b>new</b>", "dialog");
  await browser.page.locator("dialog").getByRole("button", { name: "End the key" }).click();
  await browser.page.getByText("someone <b>new</b>").first().waitFor({ state: "detached" });
  await assert.rejects(api(url, "/v1/models", { key }), /401/);
}

/** The line that the dialog shows brings a host: the test runs it. */
export async function addsAHost({ browser, ask, admin, host }) {
  await browser.open("hosts");
  await browser.signIn(admin);
  await browser.page.getByRole("button", { name: "Add a host" }).click();
  await browser.page.locator("dialog").getByLabel("Name").fill("a friend's");
  await browser.page.getByRole("button", { name: "Make the token" }).click();
  const line = await browser.page.locator("dialog pre").textContent();
  await browser.page.getByRole("button", { name: "Done" }).click();
  await ask(line);
  await browser.see(host);
  await browser.page.getByText(host).first().click();
  await browser.see("trusted");
}

export async function survivesTheGatewaysDeath({ browser, url, ask, admin, model }) {
  const before = await submit(url, { model, key: admin });
  await ended(url, before, admin);
  await browser.open("tasks");
  await browser.signIn(admin);
  await browser.see(before);
  await browser.mark();
  await ask("kill the gateway");
  await browser.see("Gateway unreachable, trying again", "#banner-line");
  await browser.see(before);
  await ask("start the gateway");
  await browser.page.locator("#banner-line, .login").first().waitFor({ state: "detached" });
  if (await browser.page.locator(".login").count()) {
    await browser.signIn(admin);
  }
  const after = await submit(url, { model: "nobody-has-this", key: admin });
  await browser.see(after);
  await browser.see(before);
  await browser.checkMarked();
}

/** A file of the page that is lost on its way leaves no empty page. */
export async function loadsAgainWhatDidNotCome({ browser }) {
  let lost = 0;
  await browser.page.route("**/lib/router.js", (route) => (lost++ === 0 ? route.abort() : route.continue()));
  await browser.open("now", "Running");
  assert.ok(lost > 1);
}

/** A page of one task, whose stream breaks with the gateway, goes on where it was. */
export async function followsATaskOverADeath({ browser, url, ask, model }) {
  const id = await submit(url, { model, text: "Tell me everything." });
  await browser.open(`tasks/${id}`);
  await browser.mark();
  await browser.until(() => document.querySelector('[aria-label="Output so far"]')?.textContent.length > 10);
  await ask("kill the gateway");
  await browser.see("Gateway unreachable, trying again", "#banner-line");
  await ask("start the gateway");
  await browser.page.locator('h1 [data-state="completed"]').waitFor();
  await browser.page.locator("#banner-line").waitFor({ state: "detached" });
  await browser.page.getByRole("button", { name: "Show result" }).click();
  const { result } = await ended(url, id);
  await browser.until(
    (all) => document.querySelector('[aria-label="Text of the result"]')?.textContent === all,
    result.choices[0].message.content,
  );
  await browser.checkMarked();
}

export async function saysThatItWaits({ browser }) {
  let asked = 0;
  await browser.page.route("**/v1/session", (route) => asked++ > 0 && route.continue()); // The first is never answered.
  await browser.open("now");
  await browser.page.getByText("Waiting for the gateway").waitFor();
  await browser.page.getByText("Since the start").waitFor();
  assert.ok(asked > 1);
}

export async function loadsLittleAndNothingFromElsewhere({ browser, url }) {
  await browser.open("now", "Since the start");
  const files = browser.replies.filter((reply) => !new URL(reply.url()).pathname.startsWith("/v1/"));
  // Asked for again: a page that loaded anew, as one does whose file was lost, has no bodies of what stayed the same.
  const sizes = await Promise.all(
    [...new Set(files.map((reply) => reply.url()))].map(async (file) => [
      new URL(file).pathname,
      (await (await fetch(file, { headers: { Accept: "text/html, */*" } })).arrayBuffer()).byteLength,
    ]),
  );
  const bytes = sizes.reduce((sum, [, size]) => sum + size, 0);
  assert.ok(bytes <= MOST_BYTES && bytes > 10_000, `${bytes} bytes: ${JSON.stringify(sizes)}`);
  assert.deepEqual(
    files.filter((reply) => !reply.ok() && reply.status() !== 304).map((reply) => reply.url()),
    [],
  );
  const [page] = files;
  assert.equal(page.url(), `${url}/`);
  assert.equal((await page.allHeaders())["content-security-policy"], POLICY);
  console.log(`${bytes} bytes in ${files.length} files`);
}
