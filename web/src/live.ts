// A keyed list kept current: a snapshot, then changes; read again after a cut or a gap. Changes are
// applied once per animation frame.
import { signal, type Signal } from "@preact/signals";
import { call, listen, whenOnline } from "./link";
import type { Device } from "./types.gen";

export interface LiveDevices {
  devices: Signal<Device[]>;
  total: Signal<number>;
  loaded: Signal<boolean>;
  cursor: Signal<string | undefined>;
  more: () => Promise<void>;
  end: () => void;
}

const PAGE = 500;
const order = new Intl.Collator(undefined, { numeric: true });

/** By the name people see, room2 before room10. */
const sorted = (devices: Device[]) => devices.sort((a, b) => order.compare(a.name || a.id, b.name || b.id));

export function liveDevices(query: string): LiveDevices {
  const devices = signal<Device[]>([]);
  const total = signal(0);
  const loaded = signal(false);
  const cursor = signal<string | undefined>(undefined);
  const changed = new Map<string, Device>();
  let subscription: number | undefined;
  let frame = 0;
  let ended = false;

  const apply = () => {
    frame = 0;
    const known = new Set<string>();
    const next = devices.peek().map((old) => {
      known.add(old.id);
      return changed.get(old.id) ?? old;
    });
    for (const device of changed.values())
      if (!known.has(device.id) && !cursor.peek()) {
        next.push(device);
        total.value++;
      }
    changed.clear();
    devices.value = sorted(next);
  };
  const load = async () => {
    try {
      const page = await call("device.list", { limit: PAGE, live: true, ...(query && { query }) });
      if (ended) return cancel(page.subscription);
      subscription = page.subscription;
      devices.value = sorted(page.devices);
      total.value = page.total;
      cursor.value = page.cursor;
      loaded.value = true;
    } catch {
      // the connection was lost; whenOnline comes back here
    }
  };
  const endOnline = whenOnline(() => void load());
  const endEvents = listen("device.changed", (event) => {
    if (event.subscription !== subscription) return;
    if (event.gap) {
      cancel(subscription);
      void load();
      return;
    }
    for (const device of event.devices ?? []) changed.set(device.id, device);
    if (!frame) frame = requestAnimationFrame(apply);
  });

  return {
    devices,
    total,
    loaded,
    cursor,
    more: async () => {
      if (!cursor.peek()) return;
      const page = await call("device.list", { limit: PAGE, cursor: cursor.peek()!, ...(query && { query }) });
      devices.value = sorted([...devices.peek(), ...page.devices]);
      cursor.value = page.cursor;
    },
    end: () => {
      ended = true;
      endOnline();
      endEvents();
      if (frame) cancelAnimationFrame(frame);
      cancel(subscription);
    },
  };
}

function cancel(subscription: number | undefined) {
  if (subscription !== undefined) call("subscription.cancel", { subscription }).catch(() => undefined);
}
