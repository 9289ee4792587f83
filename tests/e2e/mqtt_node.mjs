// npm mqtt against our server, both protocol versions: ends with 0 if all of it worked.
import assert from "node:assert";
import { once } from "node:events";
import mqtt from "mqtt";

const url = process.argv[2];

async function talk(protocolVersion) {
  const options = { protocolVersion, reconnectPeriod: 0, connectTimeout: 5000 };
  const a = await mqtt.connectAsync(url, { ...options, clientId: `node-a${protocolVersion}` });
  const b = await mqtt.connectAsync(url, {
    ...options,
    clientId: `node-b${protocolVersion}`,
    will: { topic: "node/will", payload: Buffer.from("gone"), qos: 1, retain: false },
  });
  const seen = [];
  a.on("message", (topic, payload, packet) => seen.push([topic, payload.toString(), packet.qos]));
  const granted = await a.subscribeAsync({ "node/#": { qos: 2 }, "devices/+/telemetry": { qos: 1 } });
  assert.deepEqual(granted.map((g) => g.qos), [2, 1]);
  for (let i = 0; i < 30; i++) {
    await b.publishAsync("node/x", String(i), { qos: i % 3 });
  }
  await b.publishAsync("devices/node/telemetry", JSON.stringify({ t: protocolVersion }), { qos: 1 });
  const large = "x".repeat(200000);
  await b.publishAsync("node/large", large, { qos: 1 });
  b.stream.destroy();
  while (!seen.some(([topic]) => topic === "node/will")) await once(a, "message");
  // Order holds within a QoS; a QoS 2 message is handed on later than a QoS 0 one.
  for (const qos of [0, 1, 2]) {
    const numbers = seen.filter(([topic, , q]) => topic === "node/x" && q === qos).map(([, n]) => Number(n));
    assert.deepEqual(numbers, Array.from({ length: 10 }, (_, k) => 3 * k + qos));
  }
  assert.equal(seen.find(([topic]) => topic === "node/large")[1], large);
  await a.unsubscribeAsync("node/#");
  await a.endAsync();
}

async function newer() {
  const c = await mqtt.connectAsync(url, {
    protocolVersion: 5,
    clientId: "node-5",
    properties: { sessionExpiryInterval: 60, topicAliasMaximum: 5 },
  });
  await c.subscribeAsync("five/#", { qos: 1, properties: { subscriptionIdentifier: 9 } });
  const arrived = once(c, "message");
  await c.publishAsync("five/x", "hi", {
    qos: 1,
    properties: { userProperties: { k: "v" }, responseTopic: "five/answer", topicAlias: 3 },
  });
  const [, , packet] = await arrived;
  assert.equal(packet.properties.responseTopic, "five/answer");
  assert.equal(packet.properties.userProperties.k, "v");
  assert.equal(packet.properties.subscriptionIdentifier, 9);
  await assert.rejects(c.publishAsync("devices/node/telemetry", "{", { qos: 1 }));
  await c.endAsync();
}

await talk(4);
await talk(5);
await newer();
process.exit(0);
