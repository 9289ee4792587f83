import { useEffect, useMemo, useState } from "preact/hooks";
import { approve, liveDevice } from "../data/device";
import { me } from "../data/session";
import { Ago } from "../parts/Ago";
import { Freshness, Session, State } from "../parts/State";
import { Title } from "../parts/Title";
import { devicesPath, route } from "../route";
import { span, unit, value, when } from "../text";
import type { DeviceDetail, Fates, Series } from "../types.gen";
import { HistoryChart } from "./HistoryChart";

const numeric = (series: Series) => series.type === "f64" || series.type === "i64" || series.type === "u64" || series.type === "bool";

function Values({ series, chosen, choose }: { series: Series[]; chosen: string | undefined; choose: (name: string) => void }) {
  return (
    <table class="values">
      <thead>
        <tr>
          <th scope="col">Metric</th>
          <th scope="col" class="number">
            Newest value
          </th>
          <th scope="col" class="when">
            When
          </th>
        </tr>
      </thead>
      <tbody>
        {series.map((one) => (
          <tr key={one.name} class={one.name === chosen ? "chosen" : ""}>
            <th scope="row">
              <button class="plain" aria-pressed={one.name === chosen} onClick={() => choose(one.name)}>
                {one.name}
              </button>
            </th>
            <td class="number value" title={String(one.latest?.value ?? "")}>
              {one.latest ? value(one.latest.value) : "none"} {one.unit && <small>{unit(one.unit)}</small>}
            </td>
            <td class="when">
              <Ago at={one.latest?.ts} />
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

const fateWords: [keyof Fates, string][] = [
  ["accepted", "points stored"],
  ["duplicate", "points that were there already"],
  ["late", "points that came late, stored"],
  ["quarantined", "payloads nobody could read"],
  ["throttled", "times told to wait"],
  ["refused", "messages refused"],
  ["dropped", "messages lost under pressure"],
];

function FateTable({ fates }: { fates: Fates }) {
  return (
    <table class="fates">
      <tbody>
        {fateWords.map(([name, words]) => (
          <tr key={name}>
            <td class="number">{fates[name].count.toLocaleString()}</td>
            <th scope="row">{words}</th>
            <td>{fates[name].reason && `${fates[name].reason} (${when(fates[name].at)})`}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function Facts({ detail }: { detail: DeviceDetail }) {
  const { device } = detail;
  return (
    <dl class="facts">
      <dt>Session</dt>
      <dd>
        <Session device={device} /> {device.session_since !== undefined && <small>since <Ago at={device.session_since} /></small>}
      </dd>
      <dt>Last sign of life</dt>
      <dd>
        <Ago at={device.seen} />
      </dd>
      <dt>Data</dt>
      <dd>
        <Freshness device={device} /> {device.interval !== undefined && <small>about every {span(device.interval)}</small>}
      </dd>
      {detail.clock_offset !== undefined && (
        <>
          <dt>Its clock</dt>
          <dd>{Math.abs(detail.clock_offset) < 2000 ? "right" : `off by ${span(Math.abs(detail.clock_offset))}`}</dd>
        </>
      )}
      <dt>First seen</dt>
      <dd>
        <Ago at={device.created} />
      </dd>
      {device.model && (
        <>
          <dt>Model</dt>
          <dd>{device.model}</dd>
        </>
      )}
      {device.site && (
        <>
          <dt>Site</dt>
          <dd>{device.site}</dd>
        </>
      )}
    </dl>
  );
}

function Quarantine({ detail }: { detail: DeviceDetail }) {
  if (!detail.quarantine.length) return null;
  return (
    <section>
      <h2>Payloads nobody could read</h2>
      {detail.quarantine.map((one) => (
        <figure key={one.at}>
          <figcaption>
            {when(one.at)}, {one.subject}, {one.bytes} bytes: {one.why}
          </figcaption>
          <pre>{one.head}</pre>
        </figure>
      ))}
    </section>
  );
}

export function Device() {
  const id = route.value.id;
  const live = useMemo(() => liveDevice(id), [id]);
  const [picked, pick] = useState<string>();
  useEffect(() => live.end, [live]);
  const detail = live.detail.value;

  if (live.missing.value)
    return (
      <main>
        <div class="empty">
          <h1>There is no device “{id}”</h1>
          <a href={devicesPath("")}>All devices</a>
        </div>
      </main>
    );
  if (!detail) return <main aria-busy="true" />;
  const chosen = picked ?? detail.series.find(numeric)?.name;
  const series = detail.series.find((one) => one.name === chosen);
  return (
    <main>
      <Title words={detail.device.name || id} />
      <nav aria-label="Breadcrumb">
        <a href={devicesPath("")}>Devices</a> ›
      </nav>
      <header class="page">
        <h1>{detail.device.name || id}</h1>
        {detail.device.name && <span class="hint">{id}</span>}
        <State device={detail.device} />
        {detail.device.state === "pending" && me.value?.role !== "viewer" && (
          <button class="primary" onClick={() => void approve([id]).catch(() => undefined)}>
            Approve this device
          </button>
        )}
      </header>
      <div class="columns">
        <section>
          <h2>Values</h2>
          {detail.series.length ? <Values series={detail.series} chosen={chosen} choose={pick} /> : <p class="hint">Nothing was measured yet.</p>}
        </section>
        <section>
          <h2>Facts</h2>
          <Facts detail={detail} />
        </section>
      </div>
      {series && (numeric(series) ? <HistoryChart device={id} series={series} /> : <p class="hint">{series.name} is text: it has no chart.</p>)}
      <section>
        <h2>What became of its messages</h2>
        <FateTable fates={detail.device.fates} />
      </section>
      <Quarantine detail={detail} />
    </main>
  );
}
