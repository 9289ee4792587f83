// "12 s ago", ticking; the exact times on hover.
import { signal } from "@preact/signals";
import { ago, when, whenUtc } from "../text";

export const now = signal(Date.now());
setInterval(() => {
  if (!document.hidden) now.value = Date.now();
}, 1000);

export function Ago({ at }: { at: number | undefined }) {
  return (
    <time title={at === undefined ? "" : `${when(at)}\n${whenUtc(at)}`} dateTime={whenUtc(at)}>
      {ago(at, now.value)}
    </time>
  );
}
