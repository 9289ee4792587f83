// Hash routes: #/devices?query=..., #/device/ID.
import { signal } from "@preact/signals";

export interface Route {
  page: string;
  id: string;
  query: string;
}

function read(): Route {
  const [path = "", search = ""] = location.hash.replace(/^#\/?/, "").split("?");
  const [page = "", id = ""] = path.split("/");
  return { page: page || "devices", id: decodeURIComponent(id), query: new URLSearchParams(search).get("query") ?? "" };
}

export const route = signal<Route>(read());
addEventListener("hashchange", () => (route.value = read()));

export const devicePath = (id: string) => `#/device/${encodeURIComponent(id)}`;
export const devicesPath = (query: string) => (query ? `#/devices?query=${encodeURIComponent(query)}` : "#/devices");
