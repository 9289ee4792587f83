import { useState } from "preact/hooks";
import { login } from "../data/session";

export function Login() {
  const [error, setError] = useState<string>();
  const [busy, setBusy] = useState(false);

  async function submit(event: SubmitEvent) {
    event.preventDefault();
    const form = new FormData(event.currentTarget as HTMLFormElement);
    setBusy(true);
    setError(await login(String(form.get("user")), String(form.get("password"))));
    setBusy(false);
  }
  return (
    <main class="login">
      <h1>Signalbox</h1>
      <form onSubmit={(event) => void submit(event as unknown as SubmitEvent)}>
        <label>
          User name
          <input name="user" autocomplete="username" required autofocus />
        </label>
        <label>
          Password
          <input name="password" type="password" autocomplete="current-password" required />
        </label>
        {error && (
          <p class="error" role="alert">
            {error}
          </p>
        )}
        <button class="primary" disabled={busy}>
          {busy ? "Checking…" : "Log in"}
        </button>
      </form>
      <p class="hint">
        First start? The one-time password of <b>admin</b> stands where the platform was started. Lost it: <code>signalbox user reset admin --data DIR</code>
      </p>
    </main>
  );
}
