// The chart of one series, read anew while it is looked at; of a part that was chosen in it, more closely.
import { useEffect, useState } from "preact/hooks";
import type ChartType from "../parts/Chart";
import { history, type History } from "../data/device";
import { unit, when } from "../text";
import type { Series } from "../types.gen";

const spans: [string, number][] = [
  ["15 min", 15 * 60e3],
  ["1 h", 3600e3],
  ["24 h", 86400e3],
  ["7 days", 7 * 86400e3],
  ["30 days", 30 * 86400e3],
  ["1 year", 365 * 86400e3],
  ["2 years", 730 * 86400e3],
];
const most = 800; // buckets: about a pixel or two each
const leastMs = 10e3; // of a part

export function HistoryChart({ device, series }: { device: string; series: Series }) {
  const [spanMs, setSpan] = useState(15 * 60e3);
  const [part, setPart] = useState<{ from: number; to: number }>();
  const [data, setData] = useState<History>();
  const [failed, setFailed] = useState(false);
  const [drawn, setDrawn] = useState<{ Chart: typeof ChartType }>();

  useEffect(() => {
    void import("../parts/Chart").then((module) => setDrawn({ Chart: module.default }));
  }, []);
  useEffect(() => setPart(undefined), [device, series.name]);
  useEffect(() => {
    let current = true;
    const read = () =>
      history(device, series.name, part?.from ?? Date.now() - spanMs, part?.to ?? Date.now(), most).then(
        (answer) => {
          if (!current) return;
          setData(answer);
          setFailed(false);
        },
        () => current && setFailed(true),
      );
    void read();
    const again = part ? undefined : setInterval(() => !document.hidden && void read(), Math.max(5000, spanMs / most));
    return () => {
      current = false;
      clearInterval(again);
    };
  }, [device, series.name, spanMs, part]);
  const zoom = (from: number, to: number) => {
    if (to - from >= leastMs) setPart({ from, to });
  };

  const label = series.unit ? `${series.name} (${unit(series.unit)})` : series.name;
  return (
    <section>
      <header class="page">
        <h2>History of {label}</h2>
        <div class="choice" role="group" aria-label="Range">
          {spans.map(([words, ms]) => (
            <button
              key={ms}
              aria-pressed={!part && ms === spanMs}
              onClick={() => {
                setPart(undefined);
                setSpan(ms);
              }}
            >
              {words}
            </button>
          ))}
        </div>
      </header>
      {failed && <p class="error">The history could not be read; trying again.</p>}
      {part && (
        <p class="hint">
          {when(part.from)} to {when(part.to)} <button onClick={() => setPart(undefined)}>Back to now</button>
        </p>
      )}
      {drawn && data && (data.times.length ? <drawn.Chart data={data} label={label} zoom={zoom} /> : <p class="hint">No values in this range.</p>)}
    </section>
  );
}
