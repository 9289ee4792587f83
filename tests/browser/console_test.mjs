// The console in Debian's Chromium: log in, see a device appear that mosquitto_pub made, watch its value change.
import assert from "node:assert/strict";
import { chromium } from "playwright-core";
import { publish, startPlatform } from "./platform.mjs";

const steps = [];
const step = (name, fn) => steps.push({ name, fn });

const platform = await startPlatform();
const browser = await chromium.launch({
  executablePath: "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
});
const page = await browser.newPage({ viewport: { width: 1280, height: 800 } });
const problems = [];
page.on("pageerror", (error) => problems.push(String(error)));
page.on("console", (message) => message.type() === "error" && problems.push(message.text()));
const chosen = "a password of my own";

async function login(password) {
  await page.getByLabel("User name").fill("admin");
  await page.getByLabel("Password", { exact: true }).fill(password);
  await page.getByRole("button", { name: "Log in" }).click();
}

step("a wrong password is refused with a sentence", async () => {
  await page.goto(platform.url);
  await login("not the password");
  await page.getByRole("alert").filter({ hasText: "wrong" }).waitFor();
  problems.length = 0; // the browser reports the refused request itself
});
step("the one-time password must be changed first", async () => {
  await login(platform.password);
  await page.getByLabel("Present password").fill(platform.password);
  await page.getByLabel("New password, 10").fill(chosen);
  await page.getByLabel("New password again").fill(chosen);
  await page.getByRole("button", { name: "Change it" }).click();
  await login(chosen);
  await page.getByRole("heading", { name: "Devices", exact: true }).waitFor();
});
step("an empty site says how to send something", async () => {
  await page.getByText("No devices yet").waitFor();
  assert.match(await page.locator("pre").innerText(), /^mosquitto_pub .*telemetry/);
});
step("a device that talks appears by itself, pending", async () => {
  await publish(platform, "devices/boiler-2/telemetry", '{"temp.supply": 61.5, "pump": true, "note": "<b>hot</b>"}');
  await page.getByRole("link", { name: "boiler-2" }).waitFor();
  await page.getByRole("row", { name: /boiler-2/ }).getByText("pending").waitFor();
});
step("its page shows values, and text as text", async () => {
  await page.getByRole("link", { name: "boiler-2" }).click();
  await page.getByRole("row", { name: /temp\.supply/ }).getByText("61.5").waitFor();
  await page.getByText("<b>hot</b>").waitFor();
});
step("a new value appears without a reload", async () => {
  await publish(platform, "devices/boiler-2/telemetry", '{"temp.supply": 62.25}');
  await page.getByRole("row", { name: /temp\.supply/ }).getByText("62.25").waitFor({ timeout: 5000 });
});
step("the history is drawn", async () => {
  await page.locator(".chart canvas").waitFor();
});
step("two years are asked for by one press, a part of them by a drag, and now by another press", async () => {
  await page.getByRole("button", { name: "2 years" }).click();
  const over = page.locator(".chart .u-over");
  const box = await over.boundingBox();
  await page.mouse.move(box.x + box.width - 60, box.y + 50);
  await page.mouse.down();
  await page.mouse.move(box.x + box.width - 2, box.y + 60, { steps: 4 });
  await page.mouse.up();
  await page.getByRole("button", { name: "Back to now" }).click();
  await page.getByRole("button", { name: "2 years", pressed: true }).waitFor();
  await page.getByRole("button", { name: "15 min" }).click();
});
step("a payload nobody can read is shown with its reason", async () => {
  await publish(platform, "devices/boiler-2/telemetry", '{"temp.supply": ');
  await page.getByRole("heading", { name: "Payloads nobody could read" }).waitFor({ timeout: 5000 });
});
step("approving makes it active", async () => {
  await page.getByRole("button", { name: "Approve this device" }).click();
  await page.getByText("active").first().waitFor({ timeout: 5000 });
});
step("nothing went wrong in the page", async () => {
  assert.deepEqual(problems, []);
});

console.log(`1..${steps.length}`);
let bad = 0;
for (const [at, { name, fn }] of steps.entries()) {
  try {
    await fn();
    console.log(`ok ${at + 1} - ${name}`);
  } catch (error) {
    bad++;
    console.log(String(error.stack).replace(/^/gm, "# "));
    console.log(`not ok ${at + 1} - ${name}`);
  }
}
if (bad && process.env.SCREENSHOT) await page.screenshot({ path: process.env.SCREENSHOT });
await browser.close();
await platform.stop();
process.exitCode = bad ? 1 : 0;
