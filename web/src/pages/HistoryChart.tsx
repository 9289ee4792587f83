// The chart of one series, read anew while it is looked at.
import { useEffect, useState } from "preact/hooks";
import type ChartType from "../parts/Chart";
import { history, type History } from "../data/device";
import { unit } from "../text";
import type { Series } from "../types.gen";

const spans: [string, number][] = [
  ["15 min", 15 * 60e3],
  ["1 h", 3600e3],
  ["24 h", 86400e3],
  ["7 days", 7 * 86400e3],
  ["30 days", 30 * 86400e3],
];

export function HistoryChart({ device, series }: { device: string; series: Series }) {
  const [spanMs, setSpan] = useState(15 * 60e3);
  const [data, setData] = useState<History>();
  const [failed, setFailed] = useState(false);
  const [part, setPart] = useState<{ Chart: typeof ChartType }>();

  useEffect(() => {
    void import("../parts/Chart").then((module) => setPart({ Chart: module.default }));
  }, []);
  useEffect(() => {
    let current = true;
    const read = () =>
      history(device, series.name, spanMs, 500).then(
        (answer) => {
          if (!current) return;
          setData(answer);
          setFailed(false);
        },
        () => current && setFailed(true),
      );
    void read();
    const again = setInterval(() => !document.hidden && void read(), Math.max(5000, spanMs / 500));
    return () => {
      current = false;
      clearInterval(again);
    };
  }, [device, series.name, spanMs]);

  const label = series.unit ? `${series.name} (${unit(series.unit)})` : series.name;
  return (
    <section>
      <header class="page">
        <h2>History of {label}</h2>
        <div class="choice" role="group" aria-label="Range">
          {spans.map(([words, ms]) => (
            <button key={ms} aria-pressed={ms === spanMs} onClick={() => setSpan(ms)}>
              {words}
            </button>
          ))}
        </div>
      </header>
      {failed && <p class="error">The history could not be read; trying again.</p>}
      {part && data && (data.times.length ? <part.Chart data={data} label={label} /> : <p class="hint">No values in this range.</p>)}
    </section>
  );
}
