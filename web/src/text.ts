// Times, values and units as people read them.
import type { Value } from "./types.gen";

const clockFormat = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });

export function when(ms: number | undefined): string {
  return ms === undefined ? "never" : clockFormat.format(ms);
}

export function whenUtc(ms: number | undefined): string {
  return ms === undefined ? "" : new Date(ms).toISOString();
}

export function ago(ms: number | undefined, now: number): string {
  if (ms === undefined) return "never";
  const s = Math.round((now - ms) / 1000);
  if (s < 2) return "now";
  if (s < 120) return `${s} s ago`;
  if (s < 7200) return `${Math.round(s / 60)} min ago`;
  if (s < 172800) return `${Math.round(s / 3600)} h ago`;
  return `${Math.round(s / 86400)} days ago`;
}

export function span(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 120000) return `${Math.round(ms / 100) / 10} s`;
  return `${Math.round(ms / 60000)} min`;
}

export function value(v: Value): string {
  if (v === null) return "no value";
  if (typeof v === "boolean") return v ? "yes" : "no";
  if (typeof v === "number" && !Number.isInteger(v)) return String(Number(v.toPrecision(10))); // 0.1 + 0.2 is 0.3
  return String(v);
}

/** Units as written on instruments; unknown ones as they are (UCUM). */
const units: Record<string, string> = { Cel: "°C", "%": "%", Pa: "Pa", W: "W", "W.h": "Wh", V: "V", s: "s", By: "B", "[ppm]": "ppm", min: "min", h: "h", Hz: "Hz", A: "A", "m/s": "m/s", bar: "bar" };
export function unit(u: string): string {
  return units[u] ?? u;
}

export function quality(q: number): string {
  return q < 64 ? "good" : q < 128 ? "uncertain" : "bad";
}
