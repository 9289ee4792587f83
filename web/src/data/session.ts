// Who is logged in.
import { signal } from "@preact/signals";
import { call, connect, disconnect, whenOnline } from "../link";
import type { Methods } from "../types.gen";

export const me = signal<Methods["session.me"]["result"] | undefined>(undefined);

whenOnline(() => {
  call("session.me", {}).then(
    (answer) => (me.value = answer),
    () => undefined,
  );
});

/** undefined: logged in; else why not. */
export async function login(user: string, password: string): Promise<string | undefined> {
  try {
    const answer = await fetch("/api/v1/login", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ user, password }),
    });
    if (answer.status === 429) return "Too many tries. Wait a minute, then try again.";
    if (!answer.ok) return "User name or password is wrong.";
    connect();
    return undefined;
  } catch {
    return "The platform does not answer. Is it running?";
  }
}

export async function logout() {
  disconnect();
  me.value = undefined;
  await fetch("/api/v1/logout", { method: "POST" }).catch(() => undefined);
}
