/* The paho C client against our server: sessions, every QoS, retained, request and response, will.
 * Ends with 0 if all of it worked. */
#include <MQTTClient.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TIMEOUT_MS 5000

static int step;

static void need(int ok, const char *what, int r)
{
	step++;
	if (ok)
		return;
	fprintf(stderr, "step %d: %s: %d\n", step, what, r);
	exit(1);
}

static MQTTClient make(const char *url, const char *id, int version)
{
	MQTTClient_createOptions options = MQTTClient_createOptions_initializer;
	MQTTClient c;

	options.MQTTVersion = version;
	int r = MQTTClient_createWithOptions(&c, url, id, MQTTCLIENT_PERSISTENCE_NONE, NULL,
	                                     &options);
	need(r == MQTTCLIENT_SUCCESS, "create", r);
	return c;
}

static int connect_v4(MQTTClient c, int clean)
{
	MQTTClient_connectOptions options = MQTTClient_connectOptions_initializer;

	options.cleansession = clean;
	options.keepAliveInterval = 20;
	int r = MQTTClient_connect(c, &options);
	need(r == MQTTCLIENT_SUCCESS, "connect", r);
	return options.returned.sessionPresent;
}

static void publish(MQTTClient c, const char *topic, const char *text, int qos, int retained)
{
	MQTTClient_deliveryToken token;

	int r = MQTTClient_publish(c, topic, (int)strlen(text), text, qos, retained, &token);
	need(r == MQTTCLIENT_SUCCESS, "publish", r);
	r = MQTTClient_waitForCompletion(c, token, TIMEOUT_MS);
	need(r == MQTTCLIENT_SUCCESS, "completion", r);
}

static void expect(MQTTClient c, const char *topic, const char *text, int qos)
{
	MQTTClient_message *m = NULL;
	char *name = NULL;
	int n = 0;

	int r = MQTTClient_receive(c, &name, &n, &m, TIMEOUT_MS);
	need((r == MQTTCLIENT_SUCCESS || r == MQTTCLIENT_TOPICNAME_TRUNCATED) && m, "receive", r);
	need(strcmp(name, topic) == 0, name, 0);
	need(m->payloadlen == (int)strlen(text) && memcmp(m->payload, text, strlen(text)) == 0,
	     text, m->payloadlen);
	need(m->qos == qos, "qos", m->qos);
	MQTTClient_freeMessage(&m);
	MQTTClient_free(name);
}

static void old_protocol(const char *url)
{
	MQTTClient a = make(url, "paho-a", MQTTVERSION_3_1_1);
	MQTTClient b = make(url, "paho-b", MQTTVERSION_3_1_1);
	char text[32];

	connect_v4(a, 1);
	connect_v4(b, 0);
	need(MQTTClient_subscribe(b, "paho/+", 2) == MQTTCLIENT_SUCCESS, "subscribe", 0);
	for (int qos = 0; qos < 3; qos++) {
		for (int i = 0; i < 20; i++) {
			snprintf(text, sizeof(text), "%d-%d", qos, i);
			publish(a, "paho/x", text, qos, 0);
			expect(b, "paho/x", text, qos);
		}
	}
	need(MQTTClient_disconnect(b, TIMEOUT_MS) == MQTTCLIENT_SUCCESS, "disconnect", 0);
	publish(a, "paho/missed", "one", 1, 0);
	publish(a, "paho/missed", "two", 2, 0);
	need(connect_v4(b, 0) == 1, "session present", 0);
	expect(b, "paho/missed", "one", 1);
	expect(b, "paho/missed", "two", 2);
	publish(a, "paho/kept", "kept", 1, 1);
	expect(b, "paho/kept", "kept", 1);
	need(MQTTClient_unsubscribe(b, "paho/+") == MQTTCLIENT_SUCCESS, "unsubscribe", 0);
	need(MQTTClient_subscribe(b, "paho/kept", 1) == MQTTCLIENT_SUCCESS, "subscribe", 0);
	expect(b, "paho/kept", "kept", 1);
	publish(a, "devices/paho/telemetry", "{\"t\": 21.5}", 1, 0);
	publish(a, "devices/paho/telemetry", "{\"t\": 22.5}", 2, 0);
	MQTTClient_disconnect(a, TIMEOUT_MS);
	MQTTClient_disconnect(b, TIMEOUT_MS);
	MQTTClient_destroy(&a);
	MQTTClient_destroy(&b);
}

static void new_protocol(const char *url)
{
	MQTTClient c = make(url, "paho-5", MQTTVERSION_5);
	MQTTClient_connectOptions options = MQTTClient_connectOptions_initializer5;
	MQTTClient_message m = MQTTClient_message_initializer;
	MQTTProperty property;
	char text[] = "hello";

	options.keepAliveInterval = 20;
	MQTTResponse r = MQTTClient_connect5(c, &options, NULL, NULL);
	need(r.reasonCode == MQTTREASONCODE_SUCCESS, "connect", (int)r.reasonCode);
	MQTTResponse_free(r);
	r = MQTTClient_subscribe5(c, "five/#", 2, NULL, NULL);
	need(r.reasonCode == MQTTREASONCODE_GRANTED_QOS_2, "subscribe", (int)r.reasonCode);
	MQTTResponse_free(r);
	m.payload = text;
	m.payloadlen = (int)strlen(text);
	m.qos = 2;
	property.identifier = MQTTPROPERTY_CODE_RESPONSE_TOPIC;
	property.value.data.data = text;
	property.value.data.len = (int)strlen(text);
	MQTTProperties_add(&m.properties, &property);
	MQTTClient_deliveryToken token;
	r = MQTTClient_publishMessage5(c, "five/x", &m, &token);
	need(r.reasonCode == MQTTREASONCODE_SUCCESS, "publish", (int)r.reasonCode);
	MQTTResponse_free(r);
	need(MQTTClient_waitForCompletion(c, token, TIMEOUT_MS) == 0, "completion", 0);
	expect(c, "five/x", "hello", 2);
	MQTTProperties_free(&m.properties);
	MQTTClient_disconnect5(c, TIMEOUT_MS, MQTTREASONCODE_SUCCESS, NULL);
	MQTTClient_destroy(&c);
}

int main(int argc, char **argv)
{
	if (argc != 2) {
		fprintf(stderr, "usage: mqtt-paho tcp://HOST:PORT\n");
		return 2;
	}
	old_protocol(argv[1]);
	new_protocol(argv[1]);
	return 0;
}
