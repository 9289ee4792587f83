// What the window and the browser's history call this page.
import { useEffect } from "preact/hooks";

export function Title({ words }: { words: string }) {
  useEffect(() => {
    document.title = `${words} · Signalbox`;
  }, [words]);
  return null;
}
