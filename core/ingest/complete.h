/* The way back: what the journal decided, told to the instance in the order of its messages. */
#pragma once
struct producer;

void complete_soon(void *producer);         /* journal thread: something was decided */
void complete_now(struct producer *p);      /* instance's thread */
void complete_writable(struct producer *p); /* instance's thread: back-pressure is over */
