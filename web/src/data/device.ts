// One device, kept current while a page shows it, and the history of one of its series.
import { signal, type Signal } from "@preact/signals";
import { call, CallFailed, listen, whenOnline } from "../link";
import type { DeviceDetail } from "../types.gen";

export interface LiveDevice {
  detail: Signal<DeviceDetail | undefined>;
  missing: Signal<boolean>;
  end: () => void;
}

export function liveDevice(id: string): LiveDevice {
  const detail = signal<DeviceDetail | undefined>(undefined);
  const missing = signal(false);
  let subscription: number | undefined;

  const cancel = () => {
    if (subscription !== undefined) call("subscription.cancel", { subscription }).catch(() => undefined);
    subscription = undefined;
  };
  const load = () =>
    call("device.get", { id, live: true }).then(
      (answer) => {
        subscription = answer.subscription;
        detail.value = answer.device;
      },
      (error: unknown) => {
        if (error instanceof CallFailed && error.error.data?.name === "not_found") missing.value = true;
      },
    );
  const endOnline = whenOnline(() => void load());
  const endEvents = listen("device.changed", (event) => {
    if (event.subscription !== subscription) return;
    if (event.detail) detail.value = event.detail;
    if (event.gap) {
      cancel();
      void load();
    }
  });
  return {
    detail,
    missing,
    end: () => {
      endOnline();
      endEvents();
      cancel();
    },
  };
}

export interface History {
  from: number; // s since 1970, as all times here
  to: number;
  times: number[];
  mean: (number | null)[];
  min: (number | null)[];
  max: (number | null)[];
}

const s = 1000;
const min = 60 * s;
const h = 60 * min;
const day = 24 * h;
/** Widths people count in, each a part of a longer one, so that long ranges are answered from summaries. */
const widths = [s, 2 * s, 5 * s, 10 * s, 15 * s, 30 * s, min, 2 * min, 5 * min, 10 * min, 15 * min, 30 * min, h, 2 * h, 3 * h, 6 * h, 12 * h, day, 2 * day, 7 * day];

export function bucketOf(spanMs: number, most: number): number {
  return widths.find((width) => spanMs / width <= most) ?? Math.ceil(spanMs / most / day) * day;
}

/** At most `most` buckets of a numeric series; with gaps as null where nothing came for three intervals. */
export async function history(device: string, series: string, from: number, to: number, most: number): Promise<History> {
  const bucket = bucketOf(to - from, most);
  const answer = await call("telemetry.query", { device, series: [series], from, to, bucket, limit: 2 * most });
  const out: History = { from: from / 1000, to: to / 1000, times: [], mean: [], min: [], max: [] };
  const rows = (answer.series[0]?.buckets ?? []) as unknown as (number | null)[][];
  const steps = rows.slice(1).map((row, i) => row[0]! - rows[i]![0]!);
  const usual = steps.sort((a, b) => a - b)[Math.floor(steps.length / 2)] ?? bucket;
  let last: number | undefined;
  for (const [begin, , lowest, highest, mean] of rows) {
    if (last !== undefined && begin! - last > 3 * usual) push(out, last + usual, null, null, null);
    push(out, begin!, mean ?? null, lowest ?? null, highest ?? null);
    last = begin!;
  }
  return out;
}

function push(out: History, t: number, mean: number | null, min: number | null, max: number | null) {
  out.times.push(t / 1000);
  out.mean.push(mean);
  out.min.push(min);
  out.max.push(max);
}

export async function approve(ids: string[]) {
  return call("device.approve", { ids });
}
