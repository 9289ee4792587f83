/* Retained messages as documents of the instance. */
#pragma once
#include <signalbox/services.h>

struct message;
struct server;
struct tree_node;

/* Writes the message of this topic, or removes it if msg is NULL. fn is called once unless this
 * returns a fault. */
int store_put(struct server *srv, const struct tree_node *topic, const struct message *msg,
              sb_doc_fn fn, void *ud);
/* Reads all of them into the retained store; server_restored() follows. */
int store_load(struct server *srv);
