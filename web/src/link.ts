// The one WebSocket of the console: typed calls and events; comes back by itself with growing pauses.
import { signal } from "@preact/signals";
import type { CallError, EventName, Events, MethodName, Methods } from "./types.gen";

export type LinkState = "closed" | "connecting" | "online" | "refused";
export const linkState = signal<LinkState>("closed");
/** When the next try to connect is due, ms since 1970; 0: none. */
export const retryAt = signal(0);

export class CallFailed extends Error {
  constructor(readonly error: CallError) {
    super(error.message);
  }
  /** One sentence for people: what, and what to do. */
  get text(): string {
    const { field, limit, remedy } = this.error.data ?? {};
    return [field ? `${field}: ${this.message}` : this.message, limit, remedy].filter(Boolean).join("; ");
  }
}

interface Waiting {
  resolve: (result: never) => void;
  reject: (error: Error) => void;
}

const lost = () => new CallFailed({ code: 0, message: "the connection was lost" });
const waiting = new Map<number, Waiting>();
const listeners = new Set<(name: EventName, params: Events[EventName]) => void>();
const onlineHooks = new Set<() => void>();
let socket: WebSocket | undefined;
let number = 0;
let pause = 0;
let timer: ReturnType<typeof setTimeout> | undefined;

export function call<M extends MethodName>(method: M, params: Methods[M]["params"]): Promise<Methods[M]["result"]> {
  const open = socket;
  if (!open || open.readyState !== WebSocket.OPEN) return Promise.reject(lost());
  const id = ++number;
  return new Promise((resolve, reject) => {
    waiting.set(id, { resolve: resolve as Waiting["resolve"], reject });
    open.send(JSON.stringify({ jsonrpc: "2.0", id, method, params }));
  });
}

/** fn is called for each event of this name; returns what ends that. */
export function listen<E extends EventName>(name: E, fn: (params: Events[E]) => void): () => void {
  const listener = (got: EventName, params: Events[EventName]) => {
    if (got === name) fn(params as Events[E]);
  };
  listeners.add(listener);
  return () => void listeners.delete(listener);
}

/** fn runs now if online, and after every reconnect. */
export function whenOnline(fn: () => void): () => void {
  onlineHooks.add(fn);
  if (linkState.peek() === "online") fn();
  return () => void onlineHooks.delete(fn);
}

function received(data: string) {
  const message = JSON.parse(data);
  if (message.method) {
    for (const listener of [...listeners]) listener(message.method, message.params);
    return;
  }
  const call = waiting.get(message.id);
  waiting.delete(message.id);
  if (message.error) call?.reject(new CallFailed(message.error));
  else call?.resolve(message.result as never);
}

/** A refused upgrade looks like a cut one; this asks which it was. */
async function mayEnter(): Promise<boolean> {
  try {
    return (await fetch("/api/v1/session", { cache: "no-store" })).status !== 401;
  } catch {
    return true; // nobody there: keep trying
  }
}

async function closed() {
  socket = undefined;
  for (const call of waiting.values()) call.reject(lost());
  waiting.clear();
  if (!(await mayEnter())) {
    linkState.value = "refused";
    return;
  }
  linkState.value = "closed";
  pause = Math.min(pause ? pause * 2 : 500, 15000);
  const wait = pause * (0.75 + Math.random() / 2);
  retryAt.value = Date.now() + wait;
  timer = setTimeout(connect, wait);
}

export function connect() {
  clearTimeout(timer);
  if (socket) return;
  retryAt.value = 0;
  linkState.value = "connecting";
  const scheme = location.protocol === "https:" ? "wss:" : "ws:";
  const next = new WebSocket(`${scheme}//${location.host}/api/v1`, "signalbox.v1.json");
  socket = next;
  next.onopen = () => {
    pause = 0;
    linkState.value = "online";
    for (const hook of [...onlineHooks]) hook();
  };
  next.onmessage = (event) => received(event.data as string);
  next.onclose = () => void closed();
}

export function disconnect() {
  const old = socket;
  socket = undefined;
  if (old) {
    old.onclose = null;
    old.close();
  }
  for (const call of waiting.values()) call.reject(lost());
  waiting.clear();
  linkState.value = "refused";
}
