import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { approve } from "../data/device";
import { me } from "../data/session";
import { CallFailed } from "../link";
import { liveDevices } from "../live";
import { Ago } from "../parts/Ago";
import { Title } from "../parts/Title";
import { Freshness, Session, State } from "../parts/State";
import { devicePath, devicesPath, route } from "../route";
import type { Device } from "../types.gen";

function Row({ device }: { device: Device }) {
  const trouble = device.fates.quarantined.count + device.fates.refused.count + device.fates.dropped.count;
  return (
    <tr>
      <td data-label="State">
        <State device={device} />
      </td>
      <th scope="row" data-label="Device">
        <a href={devicePath(device.id)}>{device.name || device.id}</a>
        {device.name && <small>{device.id}</small>}
      </th>
      <td data-label="Session">
        <Session device={device} />
      </td>
      <td data-label="Data">
        <Freshness device={device} />
      </td>
      <td class="when" data-label="Newest">
        <Ago at={device.data} />
      </td>
      <td class="number" data-label="Metrics">
        {device.series}
      </td>
      <td class="number" data-label="Stored">
        {device.fates.accepted.count.toLocaleString()}
      </td>
      <td class="number" data-label="Refused">
        {trouble ? <b class="bad">{trouble.toLocaleString()}</b> : 0}
      </td>
    </tr>
  );
}

function Empty({ query }: { query: string }) {
  if (query)
    return (
      <div class="empty">
        <p>No device matches “{query}”.</p>
        <a href={devicesPath("")}>Show all devices</a>
      </div>
    );
  return (
    <div class="empty">
      <h2>No devices yet</h2>
      <p>A device appears here when it first talks. Try one from a terminal:</p>
      <pre>mosquitto_pub -h {location.hostname} -p 1883 -q 1 -t devices/my-sensor/telemetry -m '{'{"temp": 21.5}'}'</pre>
    </div>
  );
}

function Approve({ pending }: { pending: Device[] }) {
  const [error, setError] = useState<string>();
  if (!pending.length || me.value?.role === "viewer") return null;
  const go = () =>
    approve(pending.map((device) => device.id)).then(
      () => setError(undefined),
      (failure: unknown) => setError(failure instanceof CallFailed ? failure.text : "That did not work."),
    );
  return (
    <p class="notice">
      {pending.length === 1 ? "1 device waits" : `${pending.length} devices wait`} for approval. What they send is kept meanwhile.
      <button onClick={() => void go()}>Approve {pending.length === 1 ? "it" : `all ${pending.length} shown`}</button>
      {error && <span class="error">{error}</span>}
    </p>
  );
}

export function Devices() {
  const query = route.value.query;
  const live = useMemo(() => liveDevices(query), [query]);
  const field = useRef<HTMLInputElement>(null);

  useEffect(() => live.end, [live]);
  useEffect(() => {
    const slash = (event: KeyboardEvent) => {
      if (event.key === "/" && !(event.target instanceof HTMLInputElement)) {
        event.preventDefault();
        field.current?.focus();
      }
    };
    addEventListener("keydown", slash);
    return () => removeEventListener("keydown", slash);
  }, []);
  const devices = live.devices.value;

  return (
    <main>
      <Title words="Devices" />
      <header class="page">
        <h1>Devices</h1>
        <p class="count">{live.loaded.value ? `${live.total.value.toLocaleString()} in all` : ""}</p>
        <form
          role="search"
          onSubmit={(event) => {
            event.preventDefault();
            location.hash = devicesPath(field.current!.value.trim());
          }}
        >
          <input ref={field} type="search" aria-label="Filter devices" placeholder="Filter: words, state:pending, site:north" title="Press / to come here" defaultValue={query} key={query} />
        </form>
      </header>
      <Approve pending={devices.filter((device) => device.state === "pending")} />
      {live.loaded.value && !devices.length && <Empty query={query} />}
      {devices.length > 0 && (
        <table class="devices">
          <thead>
            <tr>
              <th scope="col">State</th>
              <th scope="col">Device</th>
              <th scope="col">Session</th>
              <th scope="col">Data</th>
              <th scope="col">Newest</th>
              <th scope="col" class="number">
                Metrics
              </th>
              <th scope="col" class="number">
                Points stored
              </th>
              <th scope="col" class="number">
                Refused
              </th>
            </tr>
          </thead>
          <tbody>
            {devices.map((device) => (
              <Row key={device.id} device={device} />
            ))}
          </tbody>
        </table>
      )}
      {live.cursor.value && (
        <p class="more">
          The first {devices.length.toLocaleString()} of {live.total.value.toLocaleString()} are shown. <button onClick={() => void live.more()}>Show more</button>
        </p>
      )}
    </main>
  );
}
