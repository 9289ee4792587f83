#include "journal/inspect.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <signalbox/error.h>

#include "base/own.h"
#include "journal/disk.h"
#include "journal/scan.h"
#include "journal/segment.h"
#include "model/record.h"

struct file {
	struct inspect_segment s;
	int fd;
};

struct inspecting {
	struct inspect *in;
	struct file *files; /* by generation */
	size_t n, cap;
};

const char *inspect_kind(uint8_t kind)
{
	static const char *const names[] = {
		[RECORD_POINTS] = "points", [RECORD_SERIES] = "series",
		[RECORD_DELETE] = "delete", [RECORD_CHECKPOINT] = "checkpoint",
		[RECORD_PLUGIN] = "plugin", [RECORD_DEVICE] = "device",
	};

	return kind < ARRAY_LEN(names) && names[kind] ? names[kind] : "other";
}

/* ---- which files there are; all are open before the first is read, so that none goes missing */

static int add_file(struct inspecting *all, int dir_fd, const char *name, uint32_t generation)
{
	struct segment_header header;
	struct stat st;

	if (all->n == all->cap) {
		size_t cap = all->cap ? all->cap * 2 : 16;
		struct file *more = realloc(all->files, cap * sizeof(*more));
		if (!more)
			return -ENOMEM;
		all->files = more;
		all->cap = cap;
	}
	int fd = openat(dir_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0 || fstat(fd, &st) < 0) {
		int r = -errno;
		closep(&fd);
		return r == -ENOENT ? SB_AGAIN : r;
	}
	struct file *f = &all->files[all->n++];
	*f = (struct file){ .fd = fd, .s = { .generation = generation } };
	(void)snprintf(f->s.name, sizeof(f->s.name), "%.31s", name);
	f->s.size = (uint64_t)st.st_size;
	int r = scan_segment(&disk_real, fd, f->s.size, generation, &header);
	if (r == SB_E_NOT_FOUND)
		f->s.state = INSPECT_SPARE;
	else if (r == -EPROTONOSUPPORT)
		f->s.state = INSPECT_NEWER;
	else if (r < 0)
		return r;
	else
		f->s.first_seq = header.first_seq;
	return 0;
}

static void drop_files(struct inspecting *all)
{
	for (size_t i = 0; i < all->n; i++)
		closep(&all->files[i].fd);
	all->n = 0;
}

static int by_generation(const void *a, const void *b)
{
	const struct file *x = a;
	const struct file *y = b;

	return (x->s.generation > y->s.generation) - (x->s.generation < y->s.generation);
}

/* SB_AGAIN: a file was renamed meanwhile. */
static int list_files(struct inspecting *all)
{
	uint32_t generation;
	DIR *dir = opendir(all->in->dir);
	int r = dir ? 0 : -errno;

	for (struct dirent *e; r == 0 && (e = readdir(dir));)
		if (segment_name_take(e->d_name, &generation))
			r = add_file(all, dirfd(dir), e->d_name, generation);
	if (dir)
		(void)closedir(dir);
	if (all->n > 1)
		qsort(all->files, all->n, sizeof(*all->files), by_generation);
	return r;
}

static int open_all(struct inspecting *all)
{
	int r = SB_AGAIN;

	for (int tries = 0; r == SB_AGAIN && tries < 10; tries++) {
		drop_files(all);
		r = list_files(all);
	}
	return r == SB_AGAIN ? -EAGAIN : r;
}

/* ---- one of them */

static void count(struct inspect_segment *s, struct sb_bytes payload)
{
	uint8_t kind = payload.n && payload.p[0] < INSPECT_KINDS ? payload.p[0] : 0;

	s->records++;
	s->bytes += payload.n;
	s->kinds[kind]++;
	s->kind_bytes[kind] += payload.n;
}

static int read_records(const struct inspect *in, struct file *f)
{
	struct inspect_segment *s = &f->s;
	struct segment_header header = { s->generation, s->first_seq };
	struct segment_reader reader;
	struct sb_bytes payload;
	uint64_t seq;
	int r = 1;

	segment_reader_init(&reader, &disk_real, f->fd, s->size, &header);
	s->last_seq = s->first_seq - 1;
	/* A segment ends where the next one begins: what an aborted group left is not read. */
	while ((!s->next_seq || s->last_seq + 1 < s->next_seq) &&
	       (r = segment_reader_next(&reader, &seq, &payload)) == 1) {
		s->last_seq = seq;
		count(s, payload);
		r = in->record ? in->record(in->ud, seq, reader.at - payload.n, payload) : 0;
		if (r < 0)
			break;
	}
	s->end_at = reader.at;
	segment_reader_fini(&reader);
	return r < 0 ? r : 0;
}

static bool is_still(const struct file *f)
{
	struct segment_header header;

	return scan_segment(&disk_real, f->fd, f->s.size, f->s.generation, &header) == 0 &&
	       header.first_seq == f->s.first_seq;
}

static int read_file(struct inspect *in, struct file *f)
{
	struct inspect_segment *s = &f->s;
	int r = read_records(in, f);

	if (r < 0)
		return r;
	if (!is_still(f))
		s->state = INSPECT_RECYCLED;
	else if (!s->next_seq)
		s->state = INSPECT_TAIL;
	else
		s->state = s->last_seq + 1 < s->next_seq ? INSPECT_DAMAGED : INSPECT_WHOLE;
	return 0;
}

static void sum_up(struct inspect *in, const struct inspect_segment *s)
{
	if (s->state == INSPECT_SPARE) {
		in->spares++;
		return;
	}
	in->segments++;
	in->records += s->records;
	in->bytes += s->bytes;
	if (s->records && !in->first_seq)
		in->first_seq = s->first_seq;
	if (s->records)
		in->last_seq = s->last_seq;
	if (s->state == INSPECT_DAMAGED)
		in->lost += s->next_seq - 1 - s->last_seq;
	if (s->state == INSPECT_DAMAGED || s->state == INSPECT_NEWER)
		in->is_damaged = true;
}

static bool has_records(const struct inspect_segment *s)
{
	return s->state != INSPECT_SPARE && s->state != INSPECT_NEWER;
}

int inspect_run(struct inspect *in)
{
	struct inspecting all = { .in = in };
	uint64_t next = 0;
	int r = open_all(&all);

	for (size_t i = all.n; r == 0 && i-- > 0;) {
		struct inspect_segment *s = &all.files[i].s;
		if (!has_records(s))
			continue;
		s->next_seq = next;
		next = s->first_seq;
	}
	for (size_t i = 0; r == 0 && i < all.n; i++) {
		struct file *f = &all.files[i];
		r = has_records(&f->s) ? read_file(in, f) : 0;
		if (r < 0)
			break;
		sum_up(in, &f->s);
		in->segment(in->ud, &f->s);
	}
	drop_files(&all);
	free(all.files);
	return r;
}
