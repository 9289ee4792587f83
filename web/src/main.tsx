import { render } from "preact";
import { useEffect } from "preact/hooks";
import { logout, me } from "./data/session";
import { connect, linkState, retryAt } from "./link";
import { Device } from "./pages/Device";
import { Devices } from "./pages/Devices";
import { Login } from "./pages/Login";
import { Password } from "./pages/Password";
import { now } from "./parts/Ago";
import { devicesPath, route } from "./route";

function Cut() {
  if (linkState.value === "online" || linkState.value === "refused") return null;
  const seconds = Math.max(0, Math.ceil((retryAt.value - now.value) / 1000));
  return (
    <p class="cut" role="status">
      No connection to the platform: what you see is of before. {retryAt.value ? `Next try in ${seconds} s.` : "Trying…"}
      <button onClick={() => connect()}>Try now</button>
    </p>
  );
}

function Page() {
  return route.value.page === "device" ? <Device /> : <Devices />;
}

function App() {
  useEffect(() => connect(), []);
  if (linkState.value === "refused") return <Login />;
  if (!me.value) return <Cut />;
  if (me.value.must_change) return <Password />;
  return (
    <>
      <a class="skip" href="#main" onClick={(event) => { event.preventDefault(); document.querySelector("main")?.focus(); }}>
        Skip to the content
      </a>
      <header class="top">
        <a class="brand" href={devicesPath("")}>
          Signalbox
        </a>
        <span class="who">
          {me.value.user} ({me.value.role})
        </span>
        <button onClick={() => void logout()}>Log out</button>
      </header>
      <Cut />
      <Page />
    </>
  );
}

render(<App />, document.getElementById("app")!);
