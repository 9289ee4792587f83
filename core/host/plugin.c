#include "host/plugin.h"

#include <ctype.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/log.h"
#include "base/own.h"
#include "host/allow.h"
#include "host/crash.h"
#include "host/frame.h"
#include "host/schema.h"
#include "host/service.h"
#include "host/state.h"

#define LOG_MODULE      "host"
#define MAX_DESCRIPTORS 32
#define MAX_NEEDS       64

struct loading {
	struct host *host;
	const char *path;
	char *why;
	size_t cap;
	struct plugin *plugin;
};

#define refuse(l, r, ...) (snprintf((l)->why, (l)->cap, __VA_ARGS__), (r))

static int check_owner(const struct stat *st, char *why, size_t cap)
{
	if (st->st_uid != 0 && st->st_uid != geteuid()) {
		snprintf(why, cap, "owned by user %u, must be root's or this service's",
		         st->st_uid);
		return -EPERM;
	}
	if (st->st_mode & (S_IWGRP | S_IWOTH)) {
		snprintf(why, cap, "writable by others (mode %03o): chmod go-w it",
		         (unsigned)st->st_mode & 0777u);
		return -EPERM;
	}
	return 0;
}

int plugin_check_dir(const char *path, char *why, size_t cap)
{
	struct stat st;
	if (stat(path, &st) < 0) {
		snprintf(why, cap, "cannot be examined");
		return -errno;
	}
	if (!S_ISDIR(st.st_mode)) {
		snprintf(why, cap, "not a directory");
		return -ENOTDIR;
	}
	return check_owner(&st, why, cap);
}

static int check_file(const struct loading *l, int fd)
{
	struct stat st;
	if (fstat(fd, &st) < 0)
		return refuse(l, -errno, "cannot be examined");
	if (!S_ISREG(st.st_mode))
		return refuse(l, -ENOEXEC, "not a regular file");
	return check_owner(&st, l->why, l->cap);
}

static int check_abi(const struct loading *l, unsigned major, unsigned needed)
{
	if (major != SB_ABI_MAJOR)
		return refuse(l, SB_E_ABI, "made for plugin interface %u, this host speaks %d",
		              major, SB_ABI_MAJOR);
	if (needed > SB_ABI_MINOR)
		return refuse(
			l, SB_E_ABI,
			"needs plugin interface %u.%u, this host speaks %d.%d: update the host",
			major, needed, SB_ABI_MAJOR, SB_ABI_MINOR);
	return 0;
}

static int examine(const struct loading *l, struct elf_facts *facts)
{
	_own_(closep) int fd = open(l->path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0 && errno == ELOOP)
		return refuse(l, -ELOOP, "a symbolic link: name the directory of the file itself");
	if (fd < 0)
		return refuse(l, -errno, "cannot be opened");
	int r = check_file(l, fd);
	if (r < 0)
		return r;
	r = allow_check(l->host->allow_file, l->path, fd, l->why, l->cap);
	if (r < 0)
		return r;
	r = elf_read(fd, facts, l->why, l->cap);
	return r < 0 ? r : check_abi(l, facts->abi_major, facts->abi_minor_needed);
}

/* dlerror() repeats the path, which the log line names already. */
static const char *loader_text(const char *path)
{
	const char *text = dlerror();
	if (!text)
		return "unknown reason";
	size_t n = strlen(path);
	if (strncmp(text, path, n) == 0 && text[n] == ':')
		return text + n + 1 + strspn(text + n + 1, " ");
	return text;
}

static int open_entry(const struct loading *l)
{
	void *handle = dlopen(l->path, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
	if (!handle)
		return refuse(l, -ENOEXEC, "the linker refuses it: %s", loader_text(l->path));
	struct stat st;
	if (stat(l->path, &st) < 0 || st.st_dev != l->plugin->facts.dev ||
	    st.st_ino != l->plugin->facts.ino)
		return refuse(l, -ESTALE, "replaced while it was loaded");
	const struct sb_entry *e = dlsym(handle, "sb_plugin_entry_1");
	if (!e)
		return refuse(l, SB_E_ABI, "exports no sb_plugin_entry_1");
	l->plugin->entry = e;
	crash_map_module(l->path, e);
	return 0;
}

static int check_entry(const struct loading *l)
{
	const struct sb_entry *e = l->plugin->entry;
	const struct elf_facts *f = &l->plugin->facts;
	if (e->magic != SB_ENTRY_MAGIC)
		return refuse(l, SB_E_ABI, "wrong magic 0x%08x in its entry", e->magic);
	if (e->abi_major != f->abi_major || e->abi_minor_built != f->abi_minor_built ||
	    e->abi_minor_needed != f->abi_minor_needed)
		return refuse(
			l, SB_E_ABI,
			"its entry says interface %u.%u (needs %u.%u), its note %u.%u (needs %u.%u)",
			e->abi_major, e->abi_minor_built, e->abi_major, e->abi_minor_needed,
			f->abi_major, f->abi_minor_built, f->abi_major, f->abi_minor_needed);
	if (e->size < sizeof(struct sb_entry) || !e->descriptor)
		return refuse(l, SB_E_ABI, "its entry is incomplete (%u bytes)", e->size);
	return 0;
}

static bool is_word(const char *text, size_t max)
{
	size_t n = text ? strnlen(text, max + 1) : 0;
	if (n == 0 || n > max)
		return false;
	for (size_t i = 0; i < n; i++)
		if (!islower((unsigned char)text[i]) && !isdigit((unsigned char)text[i]) &&
		    text[i] != '-')
			return false;
	return true;
}

static const char *first_gap(const struct sb_descriptor *d)
{
	/* NOLINTNEXTLINE(bugprone-sizeof-expression): the pointer is what is counted */
	if (d->size < offsetof(struct sb_descriptor, ops) + sizeof(d->ops))
		return "its size is too small";
	if (!is_word(d->id, 63))
		return "its id is not [a-z0-9-]{1,63}";
	if (!d->name || !d->version || !d->vendor || !d->license || !d->summary)
		return "name, version, vendor, license or summary is missing";
	if (!is_word(d->section, 63))
		return "its section is not [a-z0-9-]{1,63}";
	if (!SB_HAS(d->ops, create) || !SB_HAS(d->ops, destroy))
		return "create or destroy is missing";
	if (!d->provides || !d->provides[0])
		return NULL;
	size_t n = 0;
	while (n <= MAX_PROVIDES && d->provides[n])
		n++;
	if (n > MAX_PROVIDES)
		return "it provides too many interfaces";
	if (!SB_HAS(d->ops, ext))
		return "it provides interfaces but has no ext";
	return NULL;
}

static int check_needs(const struct loading *l, const struct sb_descriptor *d)
{
	for (size_t i = 0; d->needs && d->needs[i] && i < MAX_NEEDS; i++)
		if (!service_find(l->host, d->needs[i]))
			return refuse(l, SB_E_ABI,
			              "%s needs the service %.80s, which this host has not", d->id,
			              d->needs[i]);
	return 0;
}

static int check_taken(const struct loading *l, const struct sb_descriptor *d)
{
	for (size_t i = 0; i < l->host->n_products; i++) {
		const struct product *p = l->host->products[i];
		if (strcmp(p->descriptor->id, d->id) == 0)
			return refuse(l, SB_E_EXISTS, "%s is there already, from %s", d->id,
			              p->plugin->path);
		if (strcmp(p->descriptor->section, d->section) == 0)
			return refuse(l, SB_E_EXISTS, "the section [%s] of %s belongs to %s",
			              d->section, d->id, p->descriptor->id);
	}
	return 0;
}

static void say_default(void *ud, const char *pointer, const char *text)
{
	const struct loading *l = ud;
	if (!l->why[0])
		snprintf(l->why, l->cap, "bad configuration schema: the default of %s %s",
		         pointer + 1, text);
}

static int take_schema(const struct loading *l, const struct sb_descriptor *d, struct schema **out)
{
	char text[160];
	int r = schema_new(out, d->config_schema, text, sizeof(text));
	if (r < 0)
		return refuse(l, r, "bad configuration schema: %s", text);
	const json_t *type = json_object_get(schema_root(*out), "type");
	if (!json_is_string(type) || strcmp(json_string_value(type), "object") != 0)
		return refuse(l, SB_E_MALFORMED,
		              "bad configuration schema: its type is not object");
	struct loading copy = *l;
	return schema_check_defaults(*out, say_default, &copy);
}

static int add_product(const struct loading *l, const struct sb_descriptor *d)
{
	const char *gap = first_gap(d);
	if (gap)
		return refuse(l, SB_E_ABI, "bad descriptor: %s", gap);
	int r = check_taken(l, d);
	if (r >= 0)
		r = check_needs(l, d);
	if (r < 0)
		return r;
	_own_(schema_freep) struct schema *schema = NULL;
	r = d->config_schema ? take_schema(l, d, &schema) : 0;
	if (r < 0)
		return r;
	struct product **grown = reallocarray(l->host->products, l->host->n_products + 1,
	                                      sizeof(struct product *));
	if (!grown)
		return refuse(l, -ENOMEM, "no memory");
	l->host->products = grown;
	struct product *p = calloc(1, sizeof(*p));
	if (!p)
		return refuse(l, -ENOMEM, "no memory");
	p->plugin = l->plugin;
	p->descriptor = d;
	p->schema = steal(schema);
	l->host->products[l->host->n_products++] = p;
	return 0;
}

static int take_descriptors(const struct loading *l)
{
	const struct sb_entry *e = l->plugin->entry;
	size_t before = l->host->n_products;
	struct frame f;
	for (uint32_t i = 0; i < MAX_DESCRIPTORS; i++) {
		frame_enter(&f, NULL, "descriptor");
		const struct sb_descriptor *d = e->descriptor(i);
		frame_leave(&f);
		if (!d)
			break;
		int r = add_product(l, d);
		if (r == 0 && i == 0 && strcmp(d->id, l->plugin->facts.id) != 0)
			r = refuse(l, SB_E_ABI, "its note says it is %s, its descriptor %s",
			           l->plugin->facts.id, d->id);
		if (r == 0)
			continue;
		while (l->host->n_products > before) {
			struct product *p = l->host->products[--l->host->n_products];
			schema_free(p->schema);
			free(p);
		}
		return r;
	}
	if (l->host->n_products == before)
		return refuse(l, SB_E_ABI, "it describes no plugin");
	return 0;
}

static int init_entry(const struct loading *l)
{
	const struct sb_entry *e = l->plugin->entry;
	if (!e->init)
		return 0;
	struct frame f;
	frame_enter(&f, NULL, "init");
	int r = e->init(service_core(), l->path);
	frame_leave(&f);
	return r < 0 ? refuse(l, r, "its init failed") : 0;
}

static void deinit_entry(const struct plugin *plugin)
{
	struct frame f;
	if (!plugin->entry->deinit)
		return;
	frame_enter(&f, NULL, "deinit");
	plugin->entry->deinit();
	frame_leave(&f);
}

void plugin_end(struct plugin *plugin)
{
	deinit_entry(plugin);
	free(plugin->path);
	free(plugin);
}

static int load(struct loading *l)
{
	int r = examine(l, &l->plugin->facts);
	if (r >= 0)
		r = open_entry(l);
	if (r >= 0)
		r = check_entry(l);
	if (r >= 0)
		r = init_entry(l);
	if (r < 0)
		return r;
	r = take_descriptors(l);
	if (r < 0)
		deinit_entry(l->plugin);
	return r;
}

int plugin_load(struct host *host, const char *path, char *why, size_t cap)
{
	why[0] = 0;
	struct plugin *plugin = calloc(1, sizeof(*plugin));
	struct loading l = { host, path, why, cap, plugin };
	if (!plugin || !(plugin->path = strdup(path))) {
		free(plugin);
		return refuse(&l, -ENOMEM, "no memory");
	}
	l.path = plugin->path;
	frame_subject(plugin->path);
	int r = load(&l);
	frame_subject(NULL);
	if (r < 0) {
		free(plugin->path);
		free(plugin);
		return r;
	}
	plugin->next = host->plugins;
	host->plugins = plugin;
	log_info("plugin %s %s from %s", plugin->facts.id, plugin->facts.version, path);
	return 0;
}
