// One series over time: mean as a line, min to max as a band. Loaded only where a chart is shown.
import { useEffect, useRef } from "preact/hooks";
import uPlot from "uplot";
import type { History } from "../data/device";
import { when } from "../text";

function colour(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

/** 24-hour clock and ISO dates, as in the rest of the console. */
const tickWords: uPlot.Axis.Values = [
  [365 * 86400, "{YYYY}", null, null, null, null, null, null, 1],
  [86400, "{YYYY}-{MM}-{DD}", null, null, null, null, null, null, 1],
  [60, "{HH}:{mm}", "\n{YYYY}-{MM}-{DD}", null, "\n{YYYY}-{MM}-{DD}", null, null, null, 1],
  [1, "{HH}:{mm}:{ss}", "\n{YYYY}-{MM}-{DD}", null, "\n{YYYY}-{MM}-{DD}", null, null, null, 1],
];

type Zoom = (fromMs: number, toMs: number) => void;

function options(width: number, label: string, zoom: Zoom): uPlot.Options {
  const line = colour("--accent");
  const axis = { stroke: colour("--soft"), grid: { stroke: colour("--line"), width: 1 }, ticks: { stroke: colour("--line") } };
  return {
    width,
    height: 280,
    legend: { live: true },
    cursor: { drag: { x: true, y: false, setScale: false } },
    hooks: {
      setSelect: [
        (chart) => {
          const { left, width } = chart.select;
          if (width > 0) zoom(chart.posToVal(left, "x") * 1000, chart.posToVal(left + width, "x") * 1000);
          chart.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
        },
      ],
    },
    axes: [{ ...axis, values: tickWords, space: 80 }, { ...axis, size: 64 }],
    series: [
      { value: (_, t) => (t == null ? "" : when(t * 1000)) },
      { label, stroke: line, width: 1.5, points: { size: 4 } },
      { label: "max", stroke: "transparent", points: { show: false } },
      { label: "min", stroke: "transparent", points: { show: false } },
    ],
    bands: [{ series: [2, 3], fill: line + "33" }],
  };
}

export default function Chart({ data, label, zoom }: { data: History; label: string; zoom: Zoom }) {
  const place = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | undefined>(undefined);
  const zoomed = useRef(zoom);
  zoomed.current = zoom;

  useEffect(() => {
    const element = place.current!;
    plot.current = new uPlot(options(element.clientWidth, label, (from, to) => zoomed.current(from, to)), [[], [], [], []], element);
    const resized = new ResizeObserver(() => plot.current?.setSize({ width: element.clientWidth, height: 280 }));
    resized.observe(element);
    return () => {
      resized.disconnect();
      plot.current?.destroy();
    };
  }, [label]);
  useEffect(() => {
    const chart = plot.current!;
    chart.setData([data.times, data.mean, data.max, data.min], false);
    chart.setScale("x", { min: data.from, max: data.to });
  }, [data]);
  return <div class="chart" ref={place} role="img" aria-label={`History of ${label}`} />;
}
