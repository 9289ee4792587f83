/* The fake host's payloads, devices and documents. */
#pragma once
#include "fake.h"

extern const struct sb_payload fake_services_payload;
extern const struct sb_devices fake_services_devices;
extern const struct sb_docs fake_services_docs;
