/* signalbox/plugin.h: the Signalbox plugin ABI, major 1. Header only, nothing to link.
 *
 * The five rules
 *  1 GROWTH   A table whose first member is `size` only grows at its end inside a major. Fill
 * structs with designated initialisers. Structs without `size` are frozen. 2 MEMORY   Arguments are
 * borrowed until the call returns; copy what you keep. Nobody frees what the other side allocated.
 * Batches are the exception: owned, then handed over. 3 THREADS  [main], [inst], [any] as in
 * services.h. Never block in [inst] unless SB_RUN_THREAD. 4 ERRORS   int32_t as in error.h. No
 * exception, longjmp or exit() crosses the border. 5 NAMES    Interfaces are found by id
 * "sb.<name>/<revision>"; third parties use
 *             "<reverse.domain>.<name>/<revision>". An incompatible change is a new revision. */
#ifndef SIGNALBOX_PLUGIN_H
#define SIGNALBOX_PLUGIN_H
#include <signalbox/error.h>
#include <signalbox/kinds.h>
#include <signalbox/services.h>
#include <signalbox/types.h>

#ifdef __cplusplus
extern "C" {
#endif

#define SB_EXPORT __attribute__((visibility("default")))

#define SB_ABI_MAJOR   1
#define SB_ABI_MINOR   0           /* level of this header: a diagnostic, never what you *need* */
#define SB_ENTRY_MAGIC 0x31504253u /* "SBP1" */
#define SB_NOTE_NAME   "Signalbox"
#define SB_NOTE_TYPE   1

/* sb_descriptor.flags; unknown bits are ignored. */
enum {
	SB_RUN_LOOP = 0, /* shares a host loop: never blocks (warning at 50 ms, alarm at 1 s) */
	SB_RUN_THREAD =
		1, /* wants a thread of its own with its own loop: may block (alarm at 30 s) */
	SB_SINGLETON = 2, /* at most one instance per process */
	SB_AUTOSTART = 4  /* gets an instance even without a section in the configuration */
};

struct sb_descriptor;

/* create -> configure -> start -> (reconfigure) -> drain -> stop -> destroy. An instance may also
 * be made, configured and destroyed without a start: that is how a new configuration is tried. */
struct sb_ops {
	uint32_t size, pad_;
	/* [main] Allocate; no I/O. */
	int32_t (*create)(struct sb_host *, const struct sb_descriptor *, void **self);
	/* [main] Before start. Looks at everything the configuration alone can tell, and takes
	 * nothing that a second instance beside this one would miss. */
	int32_t (*configure)(void *self, const struct sb_config *);
	/* [inst] */
	int32_t (*start)(void *self);
	/* [inst] Take nothing new, finish the rest; deadline by SB_CLOCK_MONOTONIC. SB_PENDING: not
	 * finished yet, call again while the loop turns. */
	int32_t (*drain)(void *self, int64_t deadline_ns);
	/* [inst] Afterwards no thread, descriptor or token of the instance is left. */
	void (*stop)(void *self);
	/* [main] Legal after any successful create. */
	void (*destroy)(void *self);
	/* [any] The table of an interface in `provides`, or NULL; the same one every time. */
	const void *(*ext)(void *self, const char *id);
	/* [inst] Optional. The configuration changed while the instance runs, and has passed
	 * configure() of another instance. 0: it is in force. SB_RESTART or a fault: nothing
	 * changed, and the host stops and starts the instance with it instead. */
	int32_t (*reconfigure)(void *self, const struct sb_config *);
};

struct sb_descriptor {
	uint32_t size, flags;
	/* 0-terminated, static. id: [a-z0-9-]{1,63}, role first ("adapter-mqtt"). */
	const char *id, *name, *version, *vendor, *license, *summary;
	/* Its section in signalbox.conf: [mqtt], further instances [mqtt NAME]. */
	const char *section;
	const char *const *provides; /* NULL-ended: {"sb.source/1", NULL} */
	const char *const *needs;    /* host services without which create would fail, NULL-ended */
	const char *config_schema;   /* JSON Schema 2020-12 subset, type object; NULL: no options */
	const struct sb_ops *ops;
};

struct sb_entry {
	uint32_t magic;
	uint16_t abi_major, abi_minor_built, abi_minor_needed, pad_;
	uint32_t size;
	/* [main] Fast: no thread, no I/O. May be called more than once, with as many deinit(). */
	int32_t (*init)(const struct sb_core *, const char *path);
	void (*deinit)(void);
	/* [any] NULL after the last. */
	const struct sb_descriptor *(*descriptor)(uint32_t index);
};

/* The one symbol a plugin exports. A major 2 would be sb_plugin_entry_2; a plugin may have both. */
extern SB_EXPORT const struct sb_entry sb_plugin_entry_1;

/* The same facts as an ELF note, read before any code of the plugin has run. */
struct sb_note {
	uint32_t namesz, descsz, type;
	char name[12];
	uint16_t abi_major, abi_minor_built, abi_minor_needed, pad_;
	char id[64], version[24];
};

/* Declares note and entry. minor_needed is a literal: the least minor this plugin cannot do
 * without, almost always 0. */
#define SB_PLUGIN(id_, version_, minor_needed_, init_, deinit_, descriptor_)           \
	__attribute__((used, section(".note.signalbox"),                               \
	               aligned(4))) static const struct sb_note sb_note_ = {           \
		sizeof(SB_NOTE_NAME),                                                  \
		sizeof(struct sb_note) - 24,                                           \
		SB_NOTE_TYPE,                                                          \
		SB_NOTE_NAME,                                                          \
		SB_ABI_MAJOR,                                                          \
		SB_ABI_MINOR,                                                          \
		minor_needed_,                                                         \
		0,                                                                     \
		id_,                                                                   \
		version_                                                               \
	};                                                                             \
	extern SB_EXPORT const struct sb_entry sb_plugin_entry_1;                      \
	const struct sb_entry sb_plugin_entry_1 = {                                    \
		SB_ENTRY_MAGIC,          SB_ABI_MAJOR, SB_ABI_MINOR, minor_needed_, 0, \
		sizeof(struct sb_entry), init_,        deinit_,      descriptor_       \
	}

/* The same for a plugin of one descriptor that needs nothing at its start but the table of the
 * core: core_ is a `static const struct sb_core *`, descriptor_ a struct sb_descriptor. */
#define SB_PLUGIN_ONE(id_, version_, minor_needed_, core_, descriptor_)                \
	static int32_t sb_one_init_(const struct sb_core *sb_core_, const char *path_) \
	{                                                                              \
		(void)path_;                                                           \
		(core_) = sb_core_;                                                    \
		return 0;                                                              \
	}                                                                              \
	static const struct sb_descriptor *sb_one_describe_(uint32_t index_)           \
	{                                                                              \
		return index_ == 0 ? &(descriptor_) : NULL;                            \
	}                                                                              \
	SB_PLUGIN(id_, version_, minor_needed_, sb_one_init_, NULL, sb_one_describe_)

#ifdef __cplusplus
}
#endif
#endif
