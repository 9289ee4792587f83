#define LOG_MODULE "config"
#include "settings.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "backup/schedule.h"
#include "base/conf.h"
#include "base/log.h"
#include "base/text.h"
#include "base/zone.h"

#define AT(member) offsetof(struct settings, member)
#define CENTURY_NS (36500LL * 86400 * 1000000000)

const struct option_spec settings_table[] = {
	{ "log", "level", OPTION_CHOICE, AT(log_level), "info", "trace|debug|info|warn|error", 0, 0,
	  "least important lines that are written" },
	{ "site", "zone", OPTION_TEXT, AT(site_zone), "", NULL, 0, 0,
	  "time zone in which days, weeks and months begin, as Europe/Berlin; empty: this machine's" },
	{ "http", "listen", OPTION_TEXT, AT(http_listen), "127.0.0.1:8080", NULL, 0, 0,
	  "address of API, console, metrics; port 0 takes a free one" },
	{ "http", "console", OPTION_TEXT, AT(http_console), "", NULL, 0, 0,
	  "directory of the console's files; empty: where it was installed" },
	{ "http", "origins", OPTION_TEXT, AT(http_origins), "", NULL, 0, 0,
	  "further web origins that may use the API, separated by spaces" },
	{ "http", "insecure", OPTION_BOOL, AT(http_insecure), "no", NULL, 0, 0,
	  "allow other machines without TLS: only behind a proxy that adds it" },
	{ "http", "max-clients", OPTION_INT, AT(http_max_clients), "512", NULL, 1, 1000,
	  "HTTP and WebSocket connections at a time" },
	{ "tls", "certificate", OPTION_TEXT, AT(tls_cert), "", NULL, 0, 0,
	  "PEM file, chain included" },
	{ "tls", "key", OPTION_TEXT, AT(tls_key), "", NULL, 0, 0, "PEM file of its private key" },
	{ "tls", "client-ca", OPTION_TEXT, AT(tls_client_ca), "", NULL, 0, 0,
	  "PEM file of the authority that signs certificates of devices" },
	{ "tls", "client-crl", OPTION_TEXT, AT(tls_client_crl), "", NULL, 0, 0,
	  "PEM file of its revocation list; read at start and at a reload, which ends the "
	  "connections whose certificates it names" },
	{ "plugins", "dir", OPTION_TEXT, AT(plugins_dir), "", NULL, 0, 0,
	  "directory of plugin files; empty: where they were installed" },
	{ "plugins", "allow", OPTION_TEXT, AT(plugins_allow), "", NULL, 0, 0,
	  "file of sha256 sums; if given, only listed plugins are loaded" },
	{ "io", "threads", OPTION_INT, AT(io_threads), "0", NULL, 0, 8,
	  "reactor threads; 0: one less than processors, at least 1" },
	{ "io", "max-connections", OPTION_INT, AT(io_max_connections), "20000", NULL, 16, 1000000,
	  "device connections per reactor" },
	{ "journal", "profile", OPTION_CHOICE, AT(commit_profile), "ssd", "ssd|flash|custom", 0, 0,
	  "how long commits wait for company: ssd: not at all at low rates; flash: always, for SD "
	  "cards and eMMC, which wear; custom: what linger and linger-fixed say" },
	{ "journal", "segment-size", OPTION_SIZE, AT(journal_segment), "16M", NULL, 1 << 20,
	  64 << 20, "size of one journal file" },
	{ "journal", "linger", OPTION_TIME, AT(journal_linger), "0", NULL, 0, 2000000000,
	  "longest wait of a commit for company; ssd: up to 1ms (and 1ms if 0), flash: 250ms to 1s "
	  "(500ms if 0), custom: anything up to 2s" },
	{ "journal", "linger-fixed", OPTION_BOOL, AT(journal_fixed), "no", NULL, 0, 0,
	  "profile custom: every commit waits exactly that long, at low rates too" },
	{ "series", "head-max", OPTION_SIZE, AT(series_head_max), "48M", NULL, 1 << 20, 1LL << 34,
	  "memory of values that are not in blocks yet" },
	{ "series", "flush-every", OPTION_TIME, AT(series_flush_every), "2h", NULL, 1000000000,
	  86400000000000, "age at which values go to blocks" },
	{ "series", "class", OPTION_TEXT, AT(series_class), "raw", NULL, 0, 0,
	  "retention class of new blocks" },
	{ "storage", "retention", OPTION_TEXT, AT(storage_retention), RETENTION_DEFAULT, NULL, 0, 0,
	  "how long each class of blocks is kept: raw values, tiers of minutes, hours and days (1d), "
	  "events, raw-NAME; a time alone is for all of them; 0: for ever" },
	{ "storage", "keep", OPTION_TIME, AT(storage_keep), "7d", NULL, 0, CENTURY_NS,
	  "what is younger is not dropped at low water either" },
	{ "storage", "compaction", OPTION_INT, AT(storage_compaction), "16", NULL, 0, 40,
	  "so many blocks of one flush each become one, when the machine is idle, and all of a day "
	  "when it is over; 0: blocks stay as they were written" },
	{ "storage", "scrub", OPTION_TIME, AT(storage_scrub), "7d", NULL, 0, CENTURY_NS,
	  "every block is read once in this time, to find damage while there is a backup; 0: never" },
	{ "storage", "low-water", OPTION_TEXT, AT(storage_low_water), "auto", NULL, 0, 0,
	  "free space below which the oldest blocks are dropped: a size, a share as 5%, auto: the "
	  "smaller of 1G and 5%; 0: never" },
	{ "storage", "tier-every", OPTION_TIME, AT(storage_tier_every), "60s", NULL, 1000000000,
	  86400000000000, "least time from one pass over the tiers (1m, 1h, 1d) to the next" },
	{ "storage", "reserve", OPTION_SIZE, AT(storage_reserve), "64M", NULL, 0, 1LL << 34,
	  "file given back when the disk is full, so that documents and blocks still find room; at "
	  "most 5% of the file system; 0: none" },
	{ "backup", "directory", OPTION_TEXT, AT(backup_directory), "", NULL, 0, 0,
	  "folder for the backups the platform makes and proves by itself, better on another disk; "
	  "empty: none" },
	{ "backup", "at", OPTION_TEXT, AT(backup_at), "02:30", NULL, 0, 0,
	  "time of day, local, at which they are begun" },
	{ "backup", "every", OPTION_TIME, AT(backup_every), "1d", NULL, 1000000000, CENTURY_NS,
	  "time from one to the next" },
	{ "backup", "keep", OPTION_INT, AT(backup_keep), "7", NULL, 1, 10000,
	  "how many of them stay" },
	{ "provisioning", "auto", OPTION_CHOICE, AT(provisioning), "off", "off|pending|active", 0,
	  0, "what happens when an unknown device talks: refuse, list for approval, let in" },
	{ "provisioning", "max-devices", OPTION_INT, AT(provisioning_max_devices), "50000", NULL, 1,
	  1000000, "devices in the registry" },
	{ "provisioning", "certificates", OPTION_CHOICE, AT(provisioning_certificates),
	  "registered", "registered|named|provision", 0, 0,
	  "whom certificates of tls.client-ca speak for: the device that is registered with one, also "
	  "the known device its common name names, also a new device of that name" },
	{ "ingest", "max-series-per-device", OPTION_INT, AT(ingest_max_series), "2048", NULL, 1,
	  16384, "metrics one device may have" },
	{ "ingest", "max-payload", OPTION_SIZE, AT(ingest_max_payload), "256K", NULL, 256, 16 << 20,
	  "largest payload of one message" },
	{ "ingest", "rate", OPTION_INT, AT(ingest_rate), "0", NULL, 0, 1000000,
	  "messages per second one device may send before it has to wait; 0: any" },
	{ "ingest", "burst", OPTION_INT, AT(ingest_burst), "1000", NULL, 1, 10000000,
	  "messages one device may send at once above its rate" },
	{ 0 },
};

static void report(void *ud, const char *text)
{
	(void)ud;
	log_error(0, "%s", text);
}

static int low_water_fill(struct settings *s)
{
	const char *text = s->storage_low_water;
	struct sb_str str = sb_str_of(text, strlen(text));
	char *end = NULL;

	s->low_water_bytes = UINT64_MAX;
	if (strcmp(text, "auto") == 0)
		return 0;
	if (str.n > 1 && text[str.n - 1] == '%' && *text >= '0' && *text <= '9') {
		unsigned long percent = strtoul(text, &end, 10);
		if (*end == '%' && !end[1] && percent <= 50) {
			s->low_water_percent = (uint32_t)percent;
			s->low_water_bytes = percent ? UINT64_MAX : 0;
			return 0;
		}
	} else if (text_size(str, &s->low_water_bytes) == 0) {
		return 0;
	}
	return log_error(-EINVAL,
	                 "storage.low-water = %s is not auto, a size as 2G, or a share up to 50%%",
	                 text);
}

/* Each profile promises something; who wants something else says custom. */
static int profile_fill(struct settings *s)
{
	switch ((enum commit_profile)s->commit_profile) {
	case COMMIT_SSD:
		s->journal_linger = s->journal_linger ? s->journal_linger : 1000000;
		if (s->journal_linger > 1000000)
			return log_error(-EINVAL,
			                 "journal.linger: with profile ssd at most 1ms; set "
			                 "journal.profile = custom, or flash for SD cards");
		break;
	case COMMIT_FLASH:
		s->journal_linger = s->journal_linger ? s->journal_linger : 500000000;
		if (s->journal_linger < 250000000 || s->journal_linger > 1000000000)
			return log_error(-EINVAL,
			                 "journal.linger: with profile flash from 250ms to 1s; "
			                 "set journal.profile = custom for anything else");
		break;
	case COMMIT_CUSTOM:
		break;
	}
	if (s->commit_profile != COMMIT_CUSTOM && s->journal_fixed)
		return log_error(-EINVAL, "journal.linger-fixed needs journal.profile = custom");
	s->journal_always = s->commit_profile == COMMIT_FLASH || s->journal_fixed;
	return 0;
}

static int retention_fill(struct settings *s)
{
	const char *text = s->storage_retention;
	char why[200];
	int r = retention_parse(&s->retention, sb_str_of(text, strlen(text)), why, sizeof(why));
	return r < 0 ? log_error(r, "storage.retention = %s: %s", text, why) : 0;
}

static int backup_fill(struct settings *s)
{
	if (schedule_take(s->backup_at, &s->backup_at_s) < 0)
		return log_error(-EINVAL, "backup.at = %s is not a time of day as 02:30",
		                 s->backup_at);
	if (*s->backup_directory && *s->backup_directory != '/')
		return log_error(-EINVAL, "backup.directory = %s is not an absolute path",
		                 s->backup_directory);
	return 0;
}

static int zone_fill(struct settings *s)
{
	struct zone *zone = NULL;
	char name[ZONE_NAME_MAX + 1];

	if (!*s->site_zone) {
		zone_system(name, sizeof(name));
		free(s->site_zone);
		s->site_zone = strdup(name);
		return s->site_zone ? 0 : -ENOMEM;
	}
	int r = zone_load(&zone, sb_str_of(s->site_zone, strlen(s->site_zone)));

	zone_free(zone);
	return r < 0 ? log_error(r, "site.zone = %s is not in this machine's tzdata", s->site_zone)
	             : 0;
}

int settings_fill(struct settings *s, const struct conf *conf)
{
	int r = conf_fill(conf, settings_table, s, report, NULL);
	if (r < 0)
		return r;
	r = low_water_fill(s);
	if (r == 0)
		r = zone_fill(s);
	if (r < 0)
		return r;
	r = profile_fill(s);
	if (r == 0)
		r = retention_fill(s);
	if (r == 0)
		r = backup_fill(s);
	if (r < 0)
		return r;
	if ((*s->tls_client_ca && !*s->tls_cert) || (*s->tls_client_crl && !*s->tls_client_ca))
		return log_error(-EINVAL, "tls.client-ca needs tls.certificate and tls.key, and "
		                          "tls.client-crl needs tls.client-ca");
	if (s->provisioning_certificates && !*s->tls_client_ca)
		return log_error(-EINVAL, "provisioning.certificates needs tls.client-ca");
	if (!*s->tls_cert != !*s->tls_key)
		return log_error(-EINVAL,
		                 "tls.certificate and tls.key go together: one is missing");
	return 0;
}

bool settings_has_section(const char *name)
{
	for (const struct option_spec *row = settings_table; row->section; row++)
		if (strcmp(row->section, name) == 0)
			return true;
	return false;
}

void settings_fini(struct settings *s)
{
	free(s->site_zone);
	free(s->http_listen);
	free(s->http_console);
	free(s->http_origins);
	free(s->tls_cert);
	free(s->tls_key);
	free(s->tls_client_ca);
	free(s->tls_client_crl);
	free(s->plugins_dir);
	free(s->plugins_allow);
	free(s->series_class);
	free(s->storage_low_water);
	free(s->storage_retention);
	free(s->backup_directory);
	free(s->backup_at);
	*s = (struct settings){ 0 };
}
