// A real signalboxd for a browser test: its own data folder and free ports, ended by its pid.
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";

const build = process.env.SIGNALBOX_BUILD;

export async function startPlatform(...sets) {
  const data = mkdtempSync(join(tmpdir(), "signalbox-browser-"));
  const args = ["--data", data];
  for (const set of ["http.listen=127.0.0.1:0", "mqtt.listen=127.0.0.1:0", "mqtt.anonymous=yes", "provisioning.auto=pending", ...sets])
    args.push("--set", set);
  const child = spawn(join(build, "core/signalboxd"), args, { stdio: ["ignore", "pipe", "pipe"] });
  let log = "";
  child.stderr.on("data", (piece) => (log += piece));
  const ready = await new Promise((resolve, reject) => {
    createInterface({ input: child.stdout }).once("line", resolve);
    child.once("exit", (code) => reject(new Error(`exit ${code}\n${log}`)));
  });
  const words = Object.fromEntries(ready.split(" ").slice(1).filter(Boolean).map((word) => word.split("=")));
  return {
    url: `http://${words.http.replace("127.0.0.1", "localhost")}/`,
    mqttPort: words.mqtt.split(":")[1],
    password: /one-time password (\S+)/.exec(log)?.[1],
    log: () => log,
    async stop() {
      const ended = new Promise((resolve) => child.once("exit", resolve));
      child.kill("SIGTERM");
      const code = await ended;
      rmSync(data, { recursive: true, force: true });
      if (code !== 0) throw new Error(`signalboxd ended with ${code}\n${log.slice(-4000)}`);
    },
  };
}

export function publish(platform, topic, message) {
  return new Promise((resolve, reject) => {
    const child = spawn("mosquitto_pub", ["-h", "127.0.0.1", "-p", platform.mqttPort, "-q", "1", "-t", topic, "-m", message]);
    child.once("exit", (code) => (code === 0 ? resolve() : reject(new Error(`mosquitto_pub: exit ${code}`))));
  });
}
