// Loaded into zigbee2mqtt in place of a radio: a coordinator with a temperature sensor that reports ten times a
// second and a lamp that takes every command. Everything above the radio is zigbee2mqtt's own.
const path = require("node:path");
const { createRequire } = require("node:module");

const herdsman = createRequire(path.join(__dirname, "node_modules", "zigbee-herdsman", "package.json"));
const { Adapter } = herdsman("./dist/adapter/adapter.js");
const Zcl = herdsman("./dist/zspec/zcl");

const SENSOR = 0x1001;

class Radio extends Adapter {
  async start() {
    let n = 0;
    this.reports = setInterval(() => this.report(n++), 100);
    return "resumed";
  }

  // Temperature 20.00, 20.01, … °C as an attribute report of the measurement cluster.
  report(n) {
    const data = Buffer.from([0x18, n & 0xff, 0x0a, 0, 0, 0x29, 0, 0]);
    data.writeInt16LE(2000 + (n % 1000), 6);
    this.receive(SENSOR, 0x0402, data);
  }

  receive(address, clusterID, data) {
    this.emit("zclPayload", {
      clusterID, address, data, header: Zcl.Header.fromBuffer(data), endpoint: 1, linkquality: 100, groupID: 0,
      wasBroadcast: false, destinationEndpoint: 1,
    });
  }

  async stop() {
    clearInterval(this.reports);
  }

  // The default response of a device: done.
  async sendZclFrameToEndpoint(ieee, address, endpoint, frame) {
    const { transactionSequenceNumber, commandIdentifier } = frame.header;
    const data = Buffer.from([0x18, transactionSequenceNumber, 0x0b, commandIdentifier, 0]);
    return {
      clusterID: frame.cluster.ID, address, data, header: Zcl.Header.fromBuffer(data), endpoint, linkquality: 100,
      groupID: 0, wasBroadcast: false, destinationEndpoint: 1,
    };
  }

  async getCoordinatorIEEE() { return "0x00124b0000000001"; }
  async getCoordinatorVersion() { return { type: "test", meta: { revision: 1 } }; }
  async getNetworkParameters() {
    return { panID: 6754, extendedPanID: "0xdddddddddddddddd", channel: 11, nwkUpdateID: 0 };
  }
  async supportsBackup() { return false; }
  async backup() { throw new Error("no backup"); }
  async reset() {}
  async permitJoin() {}
  async addInstallCode() {}
  async sendZdo() {}
  async sendZclFrameToGroup() {}
  async sendZclFrameToAll() {}
  waitFor() { return { promise: new Promise(() => {}), cancel() {} }; }
}

Adapter.create = async (...options) => new Radio(...options);
