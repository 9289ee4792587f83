#include <fcntl.h>

#include <signalbox/error.h>

#include "base/own.h"
#include "journal/disk.h"
#include "journal/segment.h"
#include "journal/state.h"

#define LOG_MODULE "journal"
#include "base/log.h"

struct replay {
	struct journal *j;
	uint64_t after;
	uint64_t seq; /* last record seen; 0 before the first segment */
	journal_record_fn fn;
	void *ud;
};

static int each_record(struct replay *re, struct segment_reader *reader, uint64_t last)
{
	uint64_t seq;
	struct sb_bytes payload;
	int r = 1;
	while (re->seq < last && (r = segment_reader_next(reader, &seq, &payload)) == 1) {
		re->seq = seq;
		if (seq <= re->after || !re->fn)
			continue;
		int answer = re->fn(re->ud, seq, payload);
		if (answer < 0)
			return answer;
	}
	return r < 0 ? log_error(r, "cannot read the journal") : 0;
}

/* Groups are never acknowledged before they are whole, so only damage to what was acknowledged
 * leaves a hole in front of a later segment. What follows is still good and stays. */
static void note_hole(const struct replay *re, const struct shelf_segment *s)
{
	if (re->seq && s->first_seq > re->seq + 1)
		log_error(SB_E_CORRUPT, "journal records %llu to %llu are damaged and lost",
		          (unsigned long long)re->seq + 1, (unsigned long long)s->first_seq - 1);
}

static int read_segment(struct replay *re, const struct shelf_segment *s, bool tail)
{
	struct journal *j = re->j;
	struct segment_reader reader;
	struct segment_header header = { s->generation, s->first_seq };
	char name[SEGMENT_NAME_MAX];
	segment_name(name, s->generation);
	int fd = j->disk->open(j->disk, j->dir_fd, name, O_RDONLY);
	if (fd < 0)
		return log_error(fd, "cannot open journal segment %s", name);
	note_hole(re, s);
	re->seq = s->first_seq - 1;
	segment_reader_init(&reader, j->disk, fd, s->size, &header);
	int r = each_record(re, &reader, s->last_seq);
	if (r == 0 && tail) {
		j->tail_generation = s->generation;
		j->tail_at = reader.at;
	}
	segment_reader_fini(&reader);
	j->disk->close(j->disk, fd);
	return r;
}

int journal_replay(struct journal *j, uint64_t after, journal_record_fn fn, void *ud)
{
	struct replay re = { .j = j, .after = after, .fn = fn, .ud = ud };
	for (size_t i = 0; i < j->shelf.n; i++) {
		const struct shelf_segment *s = &j->shelf.segments[i];
		bool tail = i + 1 == j->shelf.n;
		if (!tail && (s->last_seq <= after || s->last_seq < s->first_seq)) {
			re.seq = MAX(re.seq, s->last_seq); /* nothing to be had in it */
			continue;
		}
		int r = read_segment(&re, s, tail);
		if (r < 0)
			return r;
	}
	/* Blocks may know more than the journal does, if its directory was lost: numbers go on. */
	if (after != UINT64_MAX && after > re.seq) {
		j->tail_generation = 0;
		re.seq = after;
	}
	atomic_store(&j->seq, re.seq);
	j->replayed = true;
	return 0;
}
