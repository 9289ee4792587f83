/* What the files of this folder share; nobody else includes it. */
#pragma once
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "registry/registry.h"

struct auth;
struct counts;
struct map;
struct rights_watcher;
struct writer;

#define TABLE_CHUNK  1024
#define TABLE_CHUNKS 16384 /* 16 million devices in all: numbers are never used twice */
#define PASSWORD_MAX 256

struct device_chunk {
	struct device *_Atomic at[TABLE_CHUNK];
};

/* Lock order: make, lock, ids_lock; the writer's own lock is innermost. */
struct registry {
	struct registry_config config;
	pthread_mutex_t make; /* one device is made at a time */
	pthread_mutex_t lock; /* registry_lock() */
	pthread_rwlock_t ids_lock;
	struct map *ids;          /* id to device, under ids_lock */
	struct map *certificates; /* fingerprint to device, under ids_lock */
	struct device_chunk *_Atomic chunks[TABLE_CHUNKS]; /* by number; only grows */
	_Atomic uint32_t last_no, count;
	struct registry_listener *listeners; /* fixed after start */
	struct writer *writer;
	struct counts *counts;
	_Atomic bool is_loaded; /* what is stored may be written over */
	struct auth *auth;
	pthread_mutex_t watchers_lock; /* held alone */
	struct rights_watcher *watchers;
	_Atomic uint64_t rights; /* counts what withdrew or gave rights */
};

/* registry.c: makes a device visible under its number and id; takes it on success. Under make, or
 * at start. */
int registry_add(struct registry *reg, struct device *dev);
/* registry.c: finds, or makes and defines a device in this state; SB_E_EXISTS if it is there. */
int registry_make(struct registry *reg, struct sb_str id, enum device_admin admin,
                  struct device **out);
/* devices.c: provides "sb.devices/1". */
int registry_serve(struct registry *reg);
