// A dot and a word: colour alone says nothing.
export type Tone = "good" | "warn" | "bad" | "off";

export function Badge({ tone, children }: { tone: Tone; children: string }) {
  return (
    <span class={`badge ${tone}`}>
      <span class="dot" aria-hidden="true" />
      {children}
    </span>
  );
}
