// made by schemas/generate.py from schemas/api.json; do not edit

/** a number (64-bit integers in full), boolean, text, base64url text of bytes, or null */
export type Value = number | boolean | string | null;

/** the newest value of a series */
export interface Latest {
  /** source time, milliseconds since 1970 UTC; the fraction is kept to a microsecond */
  ts: number;
  /** time of arrival, milliseconds since 1970 UTC; the fraction is kept to a microsecond */
  rx: number;
  value: Value;
  /** 8-bit quality after OPC UA: 0-63 good, 64-127 uncertain, 128 and above bad */
  quality: number;
  /** what is special about it */
  flags?: ("replayed" | "host_stamped" | "derived" | "retained" | "revised" | "late")[];
}

/** what a series is: gauge (measured now), counter (counted since it began at 0), absolute (an amount since the value before), state (holds until the next value), text, event. Without a word about it numbers are gauges, bool are states, the rest is text */
export type Kind = "gauge" | "counter" | "absolute" | "state" | "text" | "event";

export interface Series {
  /** metric name, unique in its device; values that came with another unit than the first go on as name@unit */
  name: string;
  /** UCUM unit, empty if unknown */
  unit: string;
  /** type of the newest value */
  type: "bool" | "i64" | "u64" | "f64" | "text" | "bytes" | "none";
  /** all types it had values of, if there were several */
  types?: ("bool" | "i64" | "u64" | "f64" | "text" | "bytes")[];
  kind: Kind;
  /** false: judged by its values, nobody said it */
  kind_said: boolean;
  latest?: Latest;
}

export interface Fate {
  /** how often */
  count: number;
  /** why it happened the last time */
  reason?: string;
  /** when it happened the last time, milliseconds since 1970 UTC; the fraction is kept to a microsecond */
  at?: number;
}

/** what became of everything the device sent */
export interface Fates {
  accepted: Fate;
  duplicate: Fate;
  late: Fate;
  quarantined: Fate;
  throttled: Fate;
  refused: Fate;
  dropped: Fate;
}

export interface Quarantined {
  /** milliseconds since 1970 UTC; the fraction is kept to a microsecond */
  at: number;
  /** what it was sent as */
  subject: string;
  /** what is wrong with it */
  why: string;
  /** its first bytes, control characters escaped */
  head: string;
  /** its full length */
  bytes: number;
}

export interface Device {
  /** device id */
  id: string;
  /** number, never used twice */
  no: number;
  /** revision, for if_rev */
  rev: number;
  /** administrative state */
  state: "expected" | "pending" | "active" | "suspended" | "retired";
  /** name for people */
  name: string;
  /** model */
  model: string;
  /** site */
  site: string;
  /** tags */
  tags: string[];
  /** milliseconds since 1970 UTC; the fraction is kept to a microsecond */
  created: number;
  /** a session is open since, absent: none; milliseconds since 1970 UTC; the fraction is kept to a microsecond */
  session_since?: number;
  /** last sign of life, absent: never; milliseconds since 1970 UTC; the fraction is kept to a microsecond */
  seen?: number;
  /** newest data, absent: never; milliseconds since 1970 UTC; the fraction is kept to a microsecond */
  data?: number;
  /** learned time between messages in ms, absent: not learned yet */
  interval?: number;
  /** data is on time against the interval; absent: cannot be told yet */
  fresh?: boolean;
  /** how many series it has */
  series: number;
  fates: Fates;
}

export interface DeviceDetail {
  device: Device;
  /** its series with their newest values, 2,048 at most */
  series: Series[];
  /** newest first */
  quarantine: Quarantined[];
  /** estimated clock of the device minus ours in ms, absent: not known */
  clock_offset?: number;
  /** it has a credential */
  credential?: boolean;
  /** kind of the accepted credential */
  credential_kind?: "none" | "password" | "certificate" | "psk";
  /** kind of the credential that is accepted beside it */
  next_credential?: "none" | "password" | "certificate" | "psk";
}

export interface Change {
  /** device id */
  id: string;
  /** revision after the change */
  rev: number;
  /** nothing was changed */
  dry_run: boolean;
}

export interface User {
  /** user name */
  name: string;
  role: Role;
  /** may not log in */
  disabled: boolean;
  /** must choose a password first */
  must_change?: boolean;
  /** milliseconds since 1970 UTC; the fraction is kept to a microsecond */
  created: number;
  /** a program, not a person */
  integration?: boolean;
  /** MQTT topic filters it may publish to; absent: as its role may */
  publish?: string[];
  /** MQTT topic filters it may read; absent: as its role may */
  subscribe?: string[];
}

/** viewer < operator < admin */
export type Role = "viewer" | "operator" | "admin";

export interface Point {
  /** device id */
  device: string;
  /** metric name */
  series: string;
  /** milliseconds since 1970 UTC; the fraction is kept to a microsecond */
  ts: number;
  value: Value;
  /** 0 is good */
  quality?: number;
  /** UCUM unit */
  unit?: string;
}

/** Of the values in a bucket. NaN is no value. count; min, max, mean, sum; first, last. time_mean: each value holds until the next one, the last until to or now; a value from before counts from the bucket's begin. increase: what a counter counted; a value below the one before is a reset, it began again at 0; what it counted from the last value of an earlier bucket to the first of this one belongs to this one, so that buckets add up to the whole, whatever their width; nothing is extrapolated. rate: increase (of absolute: sum) by the seconds of the bucket that lie between from, to and now. p50, p90, p95, p99: the value at place ceil(q * n) in ascending order; exact while the bucket has at most 1024 values, else within 1 % of it (or 5e-324), infinite ones included. duration: [[value, ms], ...], the longest first; a state holds like a value of time_mean; 64 states of a bucket are kept apart, the time of more of them stands with null. transitions: changes of state. Buckets without values are left out, but not where something holds and time_mean, duration or transitions is asked for. Which fit: gauge all but increase, rate, duration, transitions; counter count, min, max, first, last, increase, rate; absolute as gauge with rate, without time_mean; state count, first, last, duration, transitions; text and event count, first, last */
export type Aggregate = "count" | "min" | "max" | "mean" | "time_mean" | "sum" | "first" | "last" | "increase" | "rate" | "p50" | "p90" | "p95" | "p99" | "duration" | "transitions";

export interface QueriedSeries {
  /** device id */
  device: string;
  /** metric name */
  name: string;
  /** UCUM unit */
  unit: string;
  kind: Kind;
  /** what stands in buckets behind begin; absent without aggregate */
  columns?: Aggregate[];
  /** aggregate does not fit this series, which was not asked for by name: why, and what does */
  unfit?: string;
  /** raw values by time */
  points?: unknown[][];
  /** aggregates by time; empty buckets are left out */
  buckets?: unknown[][];
  /** limit was reached: ask again with from behind the last point */
  truncated?: boolean;
}

export interface Metric {
  /** name without prefix and suffix */
  name: string;
  /** plugin instance, empty: the platform */
  instance: string;
  kind: "counter" | "gauge";
  /** what it counts */
  help: string;
  value: number;
}

export interface ConfigLine {
  /** "log", "modbus hall" */
  section: string;
  key: string;
  /** as it would be written; secrets masked */
  value: string;
  /** file and line, "--set" or "default" */
  origin: string;
  /** what the file says instead, for the next start */
  next_start?: string;
}

export interface ConfigChange {
  /** "log.level"; the section alone where it is new or gone */
  key: string;
  from?: string;
  to?: string;
  /** file and line, "--set" or "default" */
  origin: string;
  /** in force at once; by a restart of its plugin instance (in a dry run also what may be live); instance made; instance ended; waits for the next start of the service */
  effect: "live" | "instance" | "added" | "removed" | "restart";
}

export interface ConfigState {
  reloads: number;
  failures: number;
  /** the last one, milliseconds since 1970 UTC */
  at?: number;
  /** why the last one was refused; the configuration before it is in force */
  error?: string;
  /** keys that wait for the next start */
  waiting?: string;
}

/** the backup that is under way, or the last one */
export interface BackupRun {
  /** names it; 0: none yet */
  id: number;
  running: boolean;
  /** folder or archive; of a planned one the folder of all */
  to?: string;
  /** documents, blocks, journal, checksums, archive, proof */
  phase?: string;
  /** of this phase */
  done?: number;
  all?: number;
  /** why it failed */
  error?: string;
  /** of all its files */
  bytes?: number;
  /** of blocks that were copied */
  bytes_copied?: number;
  /** of blocks that were linked */
  bytes_linked?: number;
  documents?: number;
  blocks?: number;
  /** of the journal */
  records?: number;
  /** the last journal record in it */
  seq?: number;
  took_ms?: number;
}

/** backups the platform makes and proves by itself */
export interface BackupPlan {
  /** off: no backup.directory is set; failed: the last one; late: the newest one that was proved is too old */
  state: "off" | "ok" | "failed" | "late";
  directory?: string;
  /** its newest folder that was proved */
  newest?: string;
  /** when that was made, milliseconds since 1970 UTC */
  proved?: number;
  /** when the next one begins, milliseconds since 1970 UTC */
  next?: number;
  /** made and proved since the start */
  made: number;
  /** since the start */
  failures: number;
  /** why the last one failed */
  error?: string;
}

/** Every method with its parameters and its result. */
export interface Methods {
  /** Ends a backup that is under way; nothing of it stays. Role: admin. */
  "backup.cancel": {
    params: {
      id: number;
    };
    result: Record<string, never>;
  };
  /** Begins a backup of documents, blocks, journal and keys while everything goes on. backup.status tells how far it is. Role: admin. */
  "backup.create": {
    params: {
      /** a name in backup.directory; with a token minted beside the data directory any absolute path. One that ends with .tar becomes an archive. Absent: the next one of the plan, now, which is proved too */
      to?: string;
    };
    result: {
      id: number;
      to?: string;
    };
  };
  /** The backup that is under way or was last, and those the platform makes by itself. Role: viewer. */
  "backup.status": {
    params: Record<string, never>;
    result: {
      run: BackupRun;
      plan: BackupPlan;
    };
  };
  /** Takes back a call of this connection that is under way: a query stops within a chunk and answers cancelled; what has begun to change something ends as it would. Role: viewer. */
  "call.cancel": {
    params: {
      /** the id the call was sent with */
      id: number | string;
    };
    result: {
      /** it was under way */
      found: boolean;
    };
  };
  /** Lets pending or expected devices take part. Role: operator. */
  "device.approve": {
    params: {
      /** which */
      ids: string[];
      /** check only */
      dry_run?: boolean;
    };
    result: {
      changes: Change[];
    };
  };
  /** Registers a device before it is first seen (state expected). Role: operator. */
  "device.create": {
    params: {
      /** device id */
      id: string;
      /** name for people */
      name?: string;
      /** model */
      model?: string;
      /** site */
      site?: string;
      /** replaces all tags; 255 bytes in all */
      tags?: string[];
      /** credential of the device: a password; empty removes the credential */
      password?: string;
      /** credential of the device: a certificate as PEM, or its sha256 fingerprint in hex; empty removes the credential */
      certificate?: string;
      /** credential of the device: a pre-shared key of 16 to 64 bytes in hex; empty removes the credential */
      psk?: string;
      /** check only */
      dry_run?: boolean;
    };
    result: Change;
  };
  /** One device with its series, newest values, fates and quarantine. Role: viewer. */
  "device.get": {
    params: {
      /** device id */
      id: string;
      /** send device.changed on every change */
      live?: boolean;
    };
    result: {
      device: DeviceDetail;
      /** id of the live query */
      subscription?: number;
    };
  };
  /** Devices by number, a page at a time; live: a snapshot, then changes. Role: viewer. */
  "device.list": {
    params: {
      /** words that id, name, site, model or tag contain; state:active, site:north, tag:x, model:tx9 */
      query?: string;
      /** from the page before */
      cursor?: string;
      /** page size */
      limit?: number;
      /** send device.changed for these and for new ones */
      live?: boolean;
    };
    result: {
      devices: Device[];
      /** absent on the last page */
      cursor?: string;
      /** how many there are in all */
      total: number;
      /** id of the live query */
      subscription?: number;
    };
  };
  /** Retires a device: it may not send any more, its history stays. Role: admin. */
  "device.remove": {
    params: {
      /** device id */
      id: string;
      /** refuse if the device changed since this revision */
      if_rev?: number;
      /** check only */
      dry_run?: boolean;
    };
    result: Change;
  };
  /** Changes what people say about a device; absent members stay. Role: operator. */
  "device.update": {
    params: {
      /** device id */
      id: string;
      /** name for people */
      name?: string;
      /** model */
      model?: string;
      /** site */
      site?: string;
      /** replaces all tags; 255 bytes in all */
      tags?: string[];
      /** credential of the device: a password; empty removes the credential */
      password?: string;
      /** credential of the device: a certificate as PEM, or its sha256 fingerprint in hex; empty removes the credential */
      certificate?: string;
      /** credential of the device: a pre-shared key of 16 to 64 bytes in hex; empty removes the credential */
      psk?: string;
      /** the credential given is accepted beside the present one until it is promoted */
      next?: boolean;
      /** the next credential becomes the only one */
      promote?: boolean;
      /** suspend or let in again */
      state?: "active" | "suspended";
      /** refuse if the device changed since this revision */
      if_rev?: number;
      /** check only */
      dry_run?: boolean;
    };
    result: Change;
  };
  /** Plugin files, instances, their states, health and counters, and what was refused. Role: viewer. */
  "plugin.list": {
    params: Record<string, never>;
    result: {
      plugins: Record<string, unknown>[];
      instances: Record<string, unknown>[];
      refused: Record<string, unknown>[];
    };
  };
  /** Series of a device with their newest values. Role: viewer. */
  "series.list": {
    params: {
      /** device id */
      device: string;
      /** from the page before */
      cursor?: string;
      /** page size */
      limit?: number;
    };
    result: {
      series: Series[];
      cursor?: string;
    };
  };
  /** Says what kind of series it is, which decides what can be asked of it; on disk when answered. Role: operator. */
  "series.update": {
    params: {
      /** device id */
      device: string;
      /** metric name */
      name: string;
      /** auto: by its values, or what a plugin says */
      kind: "gauge" | "counter" | "absolute" | "state" | "text" | "event" | "auto";
    };
    result: {
      series: Series;
    };
  };
  /** Ends the token that is asking, before its time. Role: viewer. */
  "session.logout": {
    params: Record<string, never>;
    result: Record<string, never>;
  };
  /** Who is asking. Role: viewer. */
  "session.me": {
    params: Record<string, never>;
    result: {
      user: string;
      role: Role;
      /** the token ends, milliseconds since 1970 UTC; the fraction is kept to a microsecond */
      expires: number;
      must_change?: boolean;
    };
  };
  /** What is on the disk: bytes per class of values and per device, growth, and how long there is room. Role: viewer. */
  "storage.usage": {
    params: {
      /** so many devices with the most bytes; every block is read for that, which takes as long as reading the disk; default 0 */
      devices?: number;
    };
    result: {
      /** of all blocks; what is in memory and in the journal is not in blocks yet */
      bytes: number;
      /** of the file system */
      bytes_free: number;
      /** of the file system */
      bytes_total: number;
      /** below so many free bytes the oldest values go */
      low_water: number;
      /** bytes a day: of values of the last seven days, or of as long as there are any, at least one */
      growth_per_day: number;
      /** until low water at this pace, without what retention gives back; absent: nothing grows */
      days_left?: number;
      classes: {
        /** raw, a tier (1m, 1h, 1d), or what series.class says */
        name: string;
        blocks: number;
        bytes: number;
        rows: number;
        /** milliseconds since 1970 UTC; the fraction is kept to a microsecond */
        from: number;
        /** milliseconds since 1970 UTC; the fraction is kept to a microsecond */
        to: number;
      }[];
      /** those with the most first */
      devices?: {
        id: string;
        /** of its chunks */
        bytes: number;
      }[];
    };
  };
  /** Ends a live query or subscription of this connection. Role: viewer. */
  "subscription.cancel": {
    params: {
      subscription: number;
    };
    result: Record<string, never>;
  };
  /** The configuration in force, and where each line of it comes from. Role: operator. */
  "system.config": {
    params: Record<string, never>;
    result: {
      lines: ConfigLine[];
    };
  };
  /** The platform: version, health, what it holds. Role: viewer. */
  "system.info": {
    params: Record<string, never>;
    result: {
      name: string;
      version: string;
      /** milliseconds since 1970 UTC; the fraction is kept to a microsecond */
      started: number;
      /** milliseconds since 1970 UTC; the fraction is kept to a microsecond */
      now: number;
      /** low: the disk is nearly full; degraded: nothing is acknowledged */
      health: "ok" | "low" | "degraded";
      health_reason?: string;
      devices: number;
      pending: number;
      sessions: number;
      provisioning?: "off" | "pending" | "active";
      journal?: Record<string, unknown>;
      series?: Record<string, unknown>;
      /** since the start: runs, the blocks that became one each run, and bytes before and after */
      compaction?: Record<string, unknown>;
      ingest?: Record<string, unknown>;
      /** room on the disk, what is set aside of it, and what was dropped because of it */
      storage?: Record<string, unknown>;
      config?: ConfigState;
      backup?: BackupPlan;
    };
  };
  /** Every counter and gauge. Role: viewer. */
  "system.metrics": {
    params: Record<string, never>;
    result: {
      metrics: Metric[];
    };
  };
  /** Reads the configuration again and puts it in force, or changes nothing and says what is wrong. Role: admin. */
  "system.reload": {
    params: {
      /** check only */
      dry_run?: boolean;
    };
    result: {
      applied: boolean;
      dry_run: boolean;
      changes: ConfigChange[];
      /** file, line, key and remedy of each mistake */
      errors: string[];
    };
  };
  /** Deletes the values a range of series holds now, for good: when it answers, they are gone from every answer, also after a crash. What comes later with the same times stays. Of times whose raw values are gone already, what tiers tell stays. Role: operator. */
  "telemetry.delete": {
    params: {
      /** device id; or devices, or query */
      device?: string;
      /** ids of several devices */
      devices?: string[];
      /** devices by the words of device.list; "" is all of them */
      query?: string;
      /** names; * stands for any text, ? for one character; absent: all */
      series?: string[];
      /** inclusive, milliseconds since 1970 UTC; the fraction is kept to a microsecond */
      from: number;
      /** exclusive */
      to: number;
      /** only count what would go */
      dry_run?: boolean;
    };
    result: {
      /** that were chosen */
      series: number;
      /** with dry_run */
      values?: number;
      /** with dry_run; false: there are more values than were counted in 15 s */
      complete?: boolean;
    };
  };
  /** Raw points as they are stored, exact to the bit, a page at a time: device by device, in order of time. The pages after each other are the file. Role: viewer. */
  "telemetry.export": {
    params: {
      /** device id; or devices, or query */
      device?: string;
      /** ids of several devices */
      devices?: string[];
      /** devices by the words of device.list; "" is all of them */
      query?: string;
      /** names; * stands for any text, ? for one character; absent: all */
      series?: string[];
      /** inclusive, milliseconds since 1970 UTC; default: from the beginning */
      from?: number;
      /** exclusive; default: all there is */
      to?: number;
      /** lines of CSV with a first line of names, lines of JSON, or a CBOR sequence */
      format?: "csv" | "jsonl" | "cbor";
      /** ISO 8601 with all digits (time), or nanoseconds since 1970 (time_ns); CBOR: always nanoseconds */
      times?: "iso" | "ns";
      /** with the time of arrival */
      rx?: boolean;
      /** points in one answer; default 50000; 4 MiB at most */
      page?: number;
      /** from the page before; the other parameters as there; without to, that of the first page holds. Good for ever, also after a restart */
      cursor?: string;
    };
    result: {
      /** a part of the file; base64url text of bytes for CBOR */
      data: string;
      /** in this part */
      points: number;
      /** there is more; absent on the last page */
      cursor?: string;
      /** where this part ended */
      device?: string;
      /** and at which time of this device */
      at?: number;
    };
  };
  /** A part of a file of points: all whole records of it, exact as they are; what the answer counts is on disk. The next part begins behind used. Role: operator. */
  "telemetry.import": {
    params: {
      /** a part of the file */
      data: string;
      /** of data; CBOR: always base64url */
      encoding?: "text" | "base64url";
      /** the file ends here */
      last?: boolean;
      /** as telemetry.export gives it, or written by people: OPERATIONS.md */
      format?: "csv" | "jsonl" | "cbor";
      /** CSV: the first line of the file, with every part; data begins behind it */
      columns?: string;
      /** whose points, where the file names no device */
      device?: string;
      /** devices that do not exist: a problem, left out, or made */
      unknown?: "refuse" | "skip" | "create";
      /** leave out what is wrong; else it ends before the first problem, and used stands there */
      skip_bad?: boolean;
      /** only look: nothing is stored, all problems are counted */
      dry_run?: boolean;
    };
    result: {
      /** bytes of the part that need not come again */
      used: number;
      /** lines or items with something in them */
      records: number;
      /** lines of CSV and JSON, empty ones too */
      lines: number;
      /** stored; with dry_run: would be */
      points: number;
      /** records with a problem */
      bad: number;
      /** of devices that do not exist and were not made */
      unknown_points: number;
      /** a problem ended it before the end of the part */
      ended: boolean;
      /** the first ten */
      problems: {
        /** line of this part, or item, from 1 */
        record: number;
        text: string;
      }[];
    };
  };
  /** Newest values of many series, from memory; unknown devices are left out. Role: viewer. */
  "telemetry.latest": {
    params: {
      /** device id; or devices, or query */
      device?: string;
      /** ids of several devices */
      devices?: string[];
      /** devices by the words of device.list; "" is all of them */
      query?: string;
      /** names; * stands for any text, ? for one character; absent: all */
      series?: string[];
    };
    result: {
      points: Point[];
    };
  };
  /** History of one series or many: raw points, or buckets with count, min, max, mean, first, last or the aggregates asked for; a page at a time. Role: viewer. */
  "telemetry.query": {
    params: {
      /** device id; or devices, or query */
      device?: string;
      /** ids of several devices */
      devices?: string[];
      /** devices by the words of device.list; "" is all of them */
      query?: string;
      /** names; * stands for any text, ? for one character; absent: all */
      series?: string[];
      /** inclusive, milliseconds since 1970 UTC; the fraction is kept to a microsecond; default: 24 h before to */
      from?: number;
      /** exclusive; default: now */
      to?: number;
      /** bucket width; absent or 0: raw. A number is ms, counted from 1970 in UTC unless zone is given; a text is of the clock and calendar in zone: 30s, 15m, 6h from local midnight, 1d of 23 to 25 hours, 1w from Monday, 1M, 3M, 1y */
      bucket?: number | string;
      /** time zone of buckets, as Europe/Berlin; default: site.zone of the configuration */
      zone?: string;
      /** what to tell of each bucket, in this order; what does not fit a series asked for by name is refused */
      aggregate?: Aggregate[];
      /** points or buckets per series; default 10000, with page none */
      limit?: number;
      /** which end the limit keeps; the answer is in this order */
      order?: "asc" | "desc";
      /** values in one answer, over all series; there is a cursor if there is more; default 100000 with devices, query or cursor, else there is no page but limit */
      page?: number;
      /** from the page before; the other parameters as there; without to, that of the first page holds. Good for ever, also after a restart */
      cursor?: string;
    };
    result: {
      /** by device, then series, in the order they were made; a series that fills several pages stands in each; of many devices, those without values are left out */
      series: QueriedSeries[];
      /** times in which values are missing, because what is stored is damaged; at most 16 */
      damaged?: number[][];
      /** there is more; absent on the last page */
      cursor?: string;
    };
  };
  /** Live values as event telemetry; a slow client gets a gap count, never old data late. Role: viewer. */
  "telemetry.subscribe": {
    params: {
      /** which; absent: all */
      devices?: string[];
      /** only these names */
      series?: string[];
    };
    result: {
      subscription: number;
    };
  };
  /** A bearer token for a program, never with more than one's own role. Role: viewer. */
  "token.create": {
    params: {
      /** what it is for */
      name: string;
      role: Role;
      /** seconds */
      ttl?: number;
    };
    result: {
      token: string;
      /** milliseconds since 1970 UTC; the fraction is kept to a microsecond */
      expires: number;
    };
  };
  /** A person or integration. Role: admin. */
  "user.create": {
    params: {
      /** [a-z0-9._-] */
      name: string;
      /** first password, to be changed by a person */
      password: string;
      role: Role;
      /** a program, not a person: its password need not be changed */
      integration?: boolean;
      /** MQTT topic filters it may publish to, 1,024 bytes in all; absent: as its role may */
      publish?: string[];
      /** MQTT topic filters it may read, 1,024 bytes in all; absent: as its role may */
      subscribe?: string[];
    };
    result: Record<string, never>;
  };
  /** All users. Role: admin. */
  "user.list": {
    params: Record<string, never>;
    result: {
      users: User[];
    };
  };
  /** Changes one's own password; other tokens of the user end. Role: viewer. */
  "user.password": {
    params: {
      old: string;
      /** new password */
      new: string;
    };
    result: {
      token: string;
      expires: number;
    };
  };
  /** Removes a user; the last admin stays. Role: admin. */
  "user.remove": {
    params: {
      name: string;
    };
    result: Record<string, never>;
  };
  /** Role, password, disabled, what it may do over MQTT. Takes effect on open sessions too. Role: admin. */
  "user.update": {
    params: {
      name: string;
      role?: Role;
      password?: string;
      disabled?: boolean;
      /** becomes a program: its password need not be changed */
      integration?: true;
      /** MQTT topic filters it may publish to; null: as its role may */
      publish?: unknown[] | null;
      /** MQTT topic filters it may read; null: as its role may */
      subscribe?: unknown[] | null;
    };
    result: Record<string, never>;
  };
}

export type MethodName = keyof Methods;

/** Every event with its parameters. */
export interface Events {
  /** Answers device.list and device.get with live. seq counts from 1; gap: so many changes could not be kept, read the list again. */
  "device.changed": {
    subscription: number;
    seq: number;
    devices?: Device[];
    detail?: DeviceDetail;
    gap?: number;
  };
  /** Answers telemetry.subscribe, at most ten frames a second. gap: so many points were left out because the client was slow. */
  "telemetry": {
    subscription: number;
    seq: number;
    points: Point[];
    gap?: number;
  };
}

export type EventName = keyof Events;

export type ErrorName = "parse_error" | "invalid_request" | "method_not_found" | "invalid_params" | "internal_error" | "cancelled" | "unauthenticated" | "forbidden" | "not_found" | "exists" | "conflict" | "too_large" | "rate_limited" | "unavailable";

/** What a refused call carries. */
export interface CallError {
  code: number;
  message: string;
  data?: {
    name: ErrorName;
    /** the parameter at fault, as a JSON pointer */
    field?: string;
    /** the limit that was passed */
    limit?: string;
    /** what to do about it */
    remedy?: string;
  };
}
