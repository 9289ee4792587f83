#include "oracle.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

static const char head[] = "signalbox-fleet oracle 1\n";

int oracle_create(struct oracle *o, const char *path)
{
	*o = (struct oracle){ 0 };
	if (!path)
		return 0;
	o->file = fopen(path, "we");
	if (!o->file || fputs(head, o->file) < 0) {
		(void)fprintf(stderr, "signalbox-fleet: cannot write %s: %s\n", path,
		              strerror(errno));
		return -errno;
	}
	return 0;
}

void oracle_give(struct oracle *o, bool acknowledged, const char *device, int64_t ts_ms,
                 const char *members)
{
	if (o->file)
		(void)fprintf(o->file, "%c %s %" PRId64 " %s\n", acknowledged ? 'a' : 'u', device,
		              ts_ms, members);
}

int oracle_finish(struct oracle *o)
{
	int r = 0;

	if (o->file) {
		bool bad = ferror(o->file) != 0;
		if (fclose(o->file) != 0 || bad)
			r = -EIO;
	}
	o->file = NULL;
	return r;
}

int oracle_open(struct oracle *o, const char *path)
{
	char line[sizeof(head)];

	o->file = fopen(path, "re");
	if (!o->file) {
		(void)fprintf(stderr, "signalbox-fleet: cannot read %s: %s\n", path,
		              strerror(errno));
		return -errno;
	}
	if (!fgets(line, sizeof(line), o->file) || strcmp(line, head) != 0) {
		(void)fprintf(stderr, "signalbox-fleet: %s is not an oracle of this version\n",
		              path);
		return -EINVAL;
	}
	return 0;
}

int oracle_take(struct oracle *o, struct oracle_line *out)
{
	char line[2400];
	char mark;
	int at = 0;

	if (!fgets(line, sizeof(line), o->file))
		return 1;
	if (sscanf(line, "%c %159s %" SCNd64 " %n", &mark, out->device, &out->ts_ms, &at) != 3 ||
	    !at)
		return -EINVAL;
	line[strcspn(line, "\n")] = '\0';
	if (strlen(line + at) >= sizeof(out->members))
		return -EINVAL;
	out->acknowledged = mark == 'a';
	(void)snprintf(out->members, sizeof(out->members), "%s", line + at);
	return 0;
}
