// One series over time: mean as a line, min to max as a band. Loaded only where a chart is shown.
import { useEffect, useRef } from "preact/hooks";
import uPlot from "uplot";
import type { History } from "../data/device";
import { when } from "../text";

function colour(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

function options(width: number, label: string): uPlot.Options {
  const line = colour("--accent");
  const axis = { stroke: colour("--soft"), grid: { stroke: colour("--line"), width: 1 }, ticks: { stroke: colour("--line") } };
  return {
    width,
    height: 280,
    legend: { live: true },
    cursor: { drag: { x: true, y: false } },
    axes: [axis, { ...axis, size: 64 }],
    series: [
      { value: (_, t) => (t == null ? "" : when(t * 1000)) },
      { label: "max", stroke: "transparent", points: { show: false } },
      { label: "min", stroke: "transparent", points: { show: false } },
      { label, stroke: line, width: 1.5, points: { size: 4 } },
    ],
    bands: [{ series: [1, 2], fill: line + "33" }],
  };
}

export default function Chart({ data, label }: { data: History; label: string }) {
  const place = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | undefined>(undefined);

  useEffect(() => {
    const element = place.current!;
    plot.current = new uPlot(options(element.clientWidth, label), [[], [], [], []], element);
    const resized = new ResizeObserver(() => plot.current?.setSize({ width: element.clientWidth, height: 280 }));
    resized.observe(element);
    return () => {
      resized.disconnect();
      plot.current?.destroy();
    };
  }, [label]);
  useEffect(() => {
    plot.current?.setData([data.times, data.max, data.min, data.mean]);
  }, [data]);
  return <div class="chart" ref={place} role="img" aria-label={`History of ${label}`} />;
}
