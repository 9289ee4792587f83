/* "sb.payload/1": bytes of a device, read by the codec that knows them. */
#pragma once
#include <signalbox/services.h>

extern const struct sb_payload payload_service;
