#include <errno.h>
#include <stdlib.h>

#include "app.h"
#include "args.h"
#include "prove.h"

int main(int argc, char **argv)
{
	struct app app = APP_NULL;
	struct args args;
	int r = args_parse(&args, argc, argv);

	if (r == 0 && args.verify)
		return prove_run(&args);
	if (r == 0)
		r = app_init(&app, &args);
	if (r == 0)
		r = app_run(&app);
	app_fini(&app);
	if (r == -EINVAL)
		return 2;
	return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
