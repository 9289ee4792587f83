/* WebSocket, RFC 6455, the server's side: a strict reader of what clients send, fed as bytes come,
 * and the heads of frames we send. No extension is spoken. Pure: no sockets, no memory of its own.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <signalbox/types.h>

#define WEBSOCKET_HEAD_MAX    10 /* bytes before the payload of a frame of ours */
#define WEBSOCKET_CONTROL_MAX 125

enum {
	WEBSOCKET_TEXT = 1,
	WEBSOCKET_BINARY = 2,
	WEBSOCKET_CLOSE = 8,
	WEBSOCKET_PING = 9,
	WEBSOCKET_PONG = 10
};

struct websocket { /* the reading side of one connection; zero it, set accepts and max_message */
	uint64_t max_message; /* bytes of a message, over all its fragments; 0: any */
	uint8_t accepts;      /* WEBSOCKET_TEXT | WEBSOCKET_BINARY; others end with 1003 */
	bool ended;           /* a close frame or a fault was met: nothing is read any more */
	/* the frame under way */
	uint8_t head[14], head_n, opcode, mask_at;
	bool final;
	uint64_t left; /* of its payload */
	/* the message under way */
	uint8_t message; /* its kind; 0: none */
	uint64_t message_n;
	struct websocket_utf8 {
		uint8_t left, low, high; /* bytes of a code point still to come, bounds of the next
		                          */
	} utf8;
	uint8_t control_n, control[WEBSOCKET_CONTROL_MAX];
};

enum websocket_event {
	WEBSOCKET_MORE,    /* everything was taken */
	WEBSOCKET_DATA,    /* bytes of a message, in place; last: it is complete */
	WEBSOCKET_PINGED,  /* answer with a pong of the same bytes */
	WEBSOCKET_PONGED,  /* it lives */
	WEBSOCKET_CLOSING, /* answer with a close frame of the same code, then end */
	WEBSOCKET_WRONG    /* send a close frame of this code, then end */
};

struct websocket_part {
	struct sb_bytes bytes; /* in what was fed, or in the reader until it is fed again */
	bool last;
	uint16_t code;   /* CLOSING: the peer's, 1005 if it gave none; WRONG: ours */
	const char *why; /* WRONG: a literal */
};

/* Takes bytes from [*p, end), moves *p behind them; unmasks in place. Call it until MORE. */
enum websocket_event websocket_take(struct websocket *ws, uint8_t **p, uint8_t *end,
                                    struct websocket_part *out);

/* The head of a frame of n bytes; returns its length. opcode 0 continues a message. */
size_t websocket_head(uint8_t out[static WEBSOCKET_HEAD_MAX], uint8_t opcode, bool final,
                      uint64_t n);
/* A whole control frame of at most 125 bytes. */
size_t websocket_control(uint8_t out[static 2 + WEBSOCKET_CONTROL_MAX], uint8_t opcode,
                         struct sb_bytes payload);
/* A whole close frame; code 1005 gives an empty one; why is cut to fit. */
size_t websocket_close(uint8_t out[static 2 + WEBSOCKET_CONTROL_MAX], uint16_t code,
                       const char *why);
