// The one-time password is changed before anything else.
import { useState } from "preact/hooks";
import { me, logout } from "../data/session";
import { call, CallFailed } from "../link";

export function Password() {
  const [error, setError] = useState<string>();

  async function submit(event: SubmitEvent) {
    event.preventDefault();
    const form = new FormData(event.currentTarget as HTMLFormElement);
    const fresh = String(form.get("new"));
    if (fresh !== form.get("again")) {
      setError("The two new passwords differ.");
      return;
    }
    try {
      await call("user.password", { old: String(form.get("old")), new: fresh });
      await logout();
    } catch (failure) {
      setError(failure instanceof CallFailed ? failure.text : "That did not work.");
    }
  }
  return (
    <main class="login">
      <h1>Choose your password</h1>
      <form onSubmit={(event) => void submit(event as unknown as SubmitEvent)}>
        <input type="hidden" name="username" autocomplete="username" value={me.value?.user ?? ""} />
        <label>
          Present password
          <input name="old" type="password" autocomplete="current-password" required />
        </label>
        <label>
          New password, 10 characters or more
          <input name="new" type="password" autocomplete="new-password" minLength={10} required />
        </label>
        <label>
          New password again
          <input name="again" type="password" autocomplete="new-password" minLength={10} required />
        </label>
        {error && (
          <p class="error" role="alert">
            {error}
          </p>
        )}
        <button class="primary">Change it, then log in</button>
      </form>
    </main>
  );
}
