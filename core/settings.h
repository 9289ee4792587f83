/* What signalbox.conf says about the platform itself; plugins have sections of their own. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/conf.h"
#include "series/retention.h"

enum commit_profile { COMMIT_SSD, COMMIT_FLASH, COMMIT_CUSTOM };

struct settings {
	int log_level;
	char *site_zone;
	char *http_listen, *http_console;
	char *http_origins; /* space-separated */
	bool http_insecure;
	int64_t http_max_clients;
	char *tls_cert, *tls_key;
	char *tls_client_ca, *tls_client_crl;
	char *plugins_dir, *plugins_allow;
	int64_t io_threads, io_max_connections;
	int commit_profile;
	uint64_t journal_segment;
	int64_t journal_linger;
	bool journal_fixed;
	bool journal_always; /* of profile and journal_fixed */
	uint64_t series_head_max;
	int64_t series_flush_every;
	char *series_class;
	uint64_t storage_reserve;
	char *storage_low_water;  /* as it is written */
	uint64_t low_water_bytes; /* of it: UINT64_MAX when it is a share */
	uint32_t low_water_percent;
	char *storage_retention;    /* as it is written */
	struct retention retention; /* of it */
	int64_t storage_keep, storage_tier_every;
	int64_t storage_compaction, storage_scrub;
	char *backup_directory, *backup_at;
	int32_t backup_at_s; /* of it: seconds after midnight */
	int64_t backup_every, backup_keep;
	int provisioning, provisioning_certificates;
	int64_t provisioning_max_devices;
	int64_t ingest_max_series;
	uint64_t ingest_max_payload;
	int64_t ingest_rate, ingest_burst;
};

extern const struct option_spec settings_table[];

/* 0, or -EINVAL after every mistake was logged. */
int settings_fill(struct settings *s, const struct conf *conf);
bool settings_has_section(const char *name);
void settings_fini(struct settings *s);
