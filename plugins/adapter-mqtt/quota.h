/* The memory of all queues together: when it is used up, whoever uses most of it pays. */
#pragma once

struct server;

void quota_enforce(struct server *srv);
