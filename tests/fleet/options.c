#include "options.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char help[] =
	"Usage: signalbox-fleet run --devices N --broker HOST:PORT [options]\n"
	"       signalbox-fleet dataset --devices N --months M [options] | signalbox import -\n"
	"       signalbox-fleet verify --oracle FILE --url ws://HOST:PORT/api/v1 --token TOKEN\n"
	"Simulates a fleet over real MQTT connections, knows exactly what was sent and acknowledged, and\n"
	"compares that with what the platform answers.\n\n"
	"run\n"
	"  --devices N         devices, one connection each (1..50000)\n"
	"  --broker HOST:PORT  where they connect; HOST is a numeric address\n"
	"  --profile building  kinds of devices and their signals (building: room climate, occupancy,\n"
	"                      air handling units, energy meters)\n"
	"  --rate R            messages per second of all devices together (default: one per device\n"
	"                      and minute)\n"
	"  --burst F:S:D       F times the rate from second S on for D seconds\n"
	"  --duration S        seconds to send; then wait until all is acknowledged (default: for ever)\n"
	"  --seed N            same seed, same signals (default 1)\n"
	"  --prefix P          put before every device id\n"
	"  --window N          messages in flight per device (default 16)\n"
	"  --settle S          seconds to wait for acknowledgements at the end (default 60)\n"
	"  --oracle FILE       write what was sent and acknowledged\n"
	"  --quiet             only the last line\n"
	"dataset: what the fleet would say in months, in virtual time, as JSON lines\n"
	"  --devices N, --profile, --seed N, --prefix P, --quiet as above\n"
	"  --months M          how long (default 1)\n"
	"  --interval S        seconds between messages of a device (default 600)\n"
	"  --start DATE        the first day (default 2024-01-01)\n"
	"  --output FILE       default: standard output, for signalbox import - --format jsonl\n"
	"verify\n"
	"  --oracle FILE       what run wrote\n"
	"  --url URL           the platform's API\n"
	"  --token TOKEN       of a viewer or more (or the environment's SIGNALBOX_TOKEN)\n"
	"Exit: 0 all is well, 1 something is lost, duplicated, disordered, altered, or never acknowledged,\n"
	"2 wrong usage.\n";

void options_help(void)
{
	(void)fputs(help, stdout);
}

static int number(const char *name, const char *text, double least, double most, double *out)
{
	char *end;
	double v = strtod(text, &end);

	if (end == text || *end || !(v >= least && v <= most)) {
		(void)fprintf(stderr,
		              "signalbox-fleet: --%s %s: a number from %g to %g is needed\n", name,
		              text, least, most);
		return -EINVAL;
	}
	*out = v;
	return 0;
}

static int broker(struct options *o, char *text)
{
	char *colon = strrchr(text, ':');
	double port;

	if (!colon || number("broker", colon + 1, 1, 65535, &port) < 0)
		return -EINVAL;
	*colon = '\0';
	o->host = strcmp(text, "localhost") == 0 ? "127.0.0.1" : text;
	o->port = (uint16_t)port;
	return 0;
}

static int burst(struct options *o, const char *text)
{
	if (sscanf(text, "%lf:%lf:%lf", &o->burst_factor, &o->burst_start_s, &o->burst_s) == 3 &&
	    o->burst_factor > 0 && o->burst_factor <= 1000)
		return 0;
	(void)fprintf(stderr, "signalbox-fleet: --burst %s: FACTOR:START:SECONDS is needed\n",
	              text);
	return -EINVAL;
}

static int count(const char *name, const char *text, double least, double most, uint32_t *out)
{
	double v;
	int r = number(name, text, least, most, &v);
	if (r == 0)
		*out = (uint32_t)v;
	return r;
}

static int run_option(struct options *o, int option, char *value)
{
	double v = 0;
	int r = 0;

	switch (option) {
	case 'n':
		return count("devices", value, 1, 50000, &o->devices);
	case 'b':
		return broker(o, value);
	case 'p':
		o->profile = value;
		return 0;
	case 'r':
		return number("rate", value, 0.001, 1e6, &o->rate);
	case 'u':
		return burst(o, value);
	case 'd':
		return number("duration", value, 0.1, 1e7, &o->duration_s);
	case 's':
		r = number("seed", value, 0, 9e15, &v);
		o->seed = (uint64_t)v;
		return r;
	case 'x':
		o->prefix = value;
		return 0;
	case 'w':
		return count("window", value, 1, 1000, &o->window);
	case 'e':
		return count("settle", value, 0, 100000, &o->settle_s);
	case 'o':
		o->oracle = value;
		return 0;
	case 'q':
		o->quiet = true;
		return 0;
	default:
		return -EINVAL;
	}
}

static int profile_check(const struct options *o)
{
	if (strcmp(o->profile, "building") == 0)
		return 0;
	(void)fprintf(stderr, "signalbox-fleet: no profile '%s': there is 'building'\n",
	              o->profile);
	return -EINVAL;
}

int options_run(struct options *o, int argc, char **argv)
{
	static const struct option options[] = {
		{ "devices", required_argument, NULL, 'n' },
		{ "broker", required_argument, NULL, 'b' },
		{ "profile", required_argument, NULL, 'p' },
		{ "rate", required_argument, NULL, 'r' },
		{ "burst", required_argument, NULL, 'u' },
		{ "duration", required_argument, NULL, 'd' },
		{ "seed", required_argument, NULL, 's' },
		{ "prefix", required_argument, NULL, 'x' },
		{ "window", required_argument, NULL, 'w' },
		{ "settle", required_argument, NULL, 'e' },
		{ "oracle", required_argument, NULL, 'o' },
		{ "quiet", no_argument, NULL, 'q' },
		{ NULL, 0, NULL, 0 },
	};
	int option;

	*o = (struct options){
		.profile = "building", .seed = 1, .window = 16, .settle_s = 60, .prefix = ""
	};
	while ((option = getopt_long(argc, argv, "", options, NULL)) >= 0)
		if (run_option(o, option, optarg) < 0)
			return -EINVAL;
	if (optind < argc || !o->devices || !o->host) {
		(void)fputs("signalbox-fleet: run needs --devices and --broker; see --help\n",
		            stderr);
		return -EINVAL;
	}
	if (profile_check(o) < 0)
		return -EINVAL;
	if (o->rate <= 0)
		o->rate = o->devices / 60.0;
	return 0;
}

static int dataset_option(struct options *o, int option, char *value)
{
	switch (option) {
	case 'm':
		return number("months", value, 0.01, 1200, &o->months);
	case 'i':
		return number("interval", value, 1, 86400, &o->interval_s);
	case 't':
		o->start = value;
		return 0;
	case 'f':
		o->output = value;
		return 0;
	default:
		return run_option(o, option, value);
	}
}

int options_dataset(struct options *o, int argc, char **argv)
{
	static const struct option options[] = {
		{ "devices", required_argument, NULL, 'n' },
		{ "profile", required_argument, NULL, 'p' },
		{ "seed", required_argument, NULL, 's' },
		{ "prefix", required_argument, NULL, 'x' },
		{ "quiet", no_argument, NULL, 'q' },
		{ "months", required_argument, NULL, 'm' },
		{ "interval", required_argument, NULL, 'i' },
		{ "start", required_argument, NULL, 't' },
		{ "output", required_argument, NULL, 'f' },
		{ NULL, 0, NULL, 0 },
	};
	int option;

	*o = (struct options){ .profile = "building",
		               .seed = 1,
		               .prefix = "",
		               .months = 1,
		               .interval_s = 600,
		               .start = "2024-01-01" };
	while ((option = getopt_long(argc, argv, "", options, NULL)) >= 0)
		if (dataset_option(o, option, optarg) < 0)
			return -EINVAL;
	if (optind < argc || !o->devices) {
		(void)fputs("signalbox-fleet: dataset needs --devices; see --help\n", stderr);
		return -EINVAL;
	}
	return profile_check(o);
}

int options_verify(struct options *o, int argc, char **argv)
{
	static const struct option options[] = {
		{ "oracle", required_argument, NULL, 'o' },
		{ "url", required_argument, NULL, 'u' },
		{ "token", required_argument, NULL, 't' },
		{ NULL, 0, NULL, 0 },
	};
	int option;

	*o = (struct options){ .token = getenv("SIGNALBOX_TOKEN") };
	while ((option = getopt_long(argc, argv, "", options, NULL)) >= 0) {
		if (option == 'o')
			o->oracle = optarg;
		else if (option == 'u')
			o->url = optarg;
		else if (option == 't')
			o->token = optarg;
		else
			return -EINVAL;
	}
	if (optind < argc || !o->oracle || !o->url || !o->token) {
		(void)fputs(
			"signalbox-fleet: verify needs --oracle, --url and --token; see --help\n",
			stderr);
		return -EINVAL;
	}
	return 0;
}
