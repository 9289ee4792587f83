// What a device is: its administrative state and three separate facts of connectivity.
import type { Device } from "../types.gen";
import { Badge, type Tone } from "./Badge";

const tones: Record<Device["state"], Tone> = {
  expected: "off",
  pending: "warn",
  active: "good",
  suspended: "bad",
  retired: "off",
};

export function State({ device }: { device: Device }) {
  return <Badge tone={tones[device.state]}>{device.state}</Badge>;
}

export function Session({ device }: { device: Device }) {
  return device.session_since === undefined ? <Badge tone="off">no session</Badge> : <Badge tone="good">connected</Badge>;
}

export function Freshness({ device }: { device: Device }) {
  if (device.data === undefined) return <Badge tone="off">no data yet</Badge>;
  if (device.fresh === undefined) return <Badge tone="off">learning</Badge>;
  return device.fresh ? <Badge tone="good">on time</Badge> : <Badge tone="warn">late</Badge>;
}
