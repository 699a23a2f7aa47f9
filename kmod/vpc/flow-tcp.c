// SPDX-License-Identifier: GPL-2.0
/* The TCP side of a flow: which state a connection is in, so that it is
 * forgotten in time, and whether a packet may end or renew it.
 *
 * Data is never judged: the endpoints do that better. What changes the state,
 * though, must be believable: a FIN or RST has to be inside the receiver's
 * window, an acknowledgement has to be for something that was sent. A RST that
 * is not in the window is the only packet of an open connection that is dropped
 * (RFC 5961). This is what nf_conntrack does with tcp_be_liberal.
 *
 * A connection whose beginning was not seen is picked up in the middle: it is
 * in SYN_RECV until both sides have acknowledged something.
 *
 * Both directions may be here at the same time. The worst that comes of it is a
 * sequence number that is not as new as it could be.
 */

#include <linux/tcp.h>
#include <kunit/visibility.h>
#include <net/tcp.h>

#include "flow.h"

/* Of a side whose SYN was not seen: no window is too big. */
#define SCALE_UNKNOWN	TCP_MAX_WSCALE

enum {
	FLAGS_CONTROL = TCPHDR_FIN | TCPHDR_SYN | TCPHDR_RST,
};

/* A packet together with the two sides it lies between. */
struct segment {
	struct nitro_vpc_flow *flow;
	const struct nitro_vpc_packet *pkt;
	struct nitro_vpc_tcp_side *me;	/* who sent it */
	struct nitro_vpc_tcp_side *peer;
	u8 *me_known;
	u8 *peer_known;
	u32 end;
};

static void set_state(struct nitro_vpc_flow *flow, u8 old, u8 new)
{
	/* If another packet was faster, then its state stays: it knew more. */
	cmpxchg(&flow->state, old, new);
}

static u32 segment_end(const struct nitro_vpc_packet *pkt)
{
	u32 len = pkt->payload;

	/* The fragments that follow say nothing of their length here. */
	if (unlikely(pkt->fragment))
		len = U16_MAX;
	if (pkt->tcp_flags & TCPHDR_SYN)
		len++;
	if (pkt->tcp_flags & TCPHDR_FIN)
		len++;
	return pkt->seq + len;
}

static void advance_ack(const struct segment *s)
{
	const struct nitro_vpc_packet *pkt = s->pkt;
	u32 edge;

	/* Nobody acknowledges what was not sent. */
	if (*s->peer_known && after(pkt->ack, READ_ONCE(s->peer->end)))
		return;
	if (after(pkt->ack, READ_ONCE(s->me->ack)))
		WRITE_ONCE(s->me->ack, pkt->ack);
	edge = pkt->ack + ((u32)pkt->window <<
			   (*s->me_known & NITRO_VPC_TCP_SCALE));
	if (after(edge, READ_ONCE(s->me->edge)))
		WRITE_ONCE(s->me->edge, edge);
}

static void advance(const struct segment *s)
{
	if (after(s->end, READ_ONCE(s->me->end)))
		WRITE_ONCE(s->me->end, s->end);
	advance_ack(s);
}

/* The first that is known of a side, or known anew. */
static void begin(const struct segment *s)
{
	const struct nitro_vpc_packet *pkt = s->pkt;
	u8 known = 0;

	if (pkt->tcp_flags & TCPHDR_SYN) {
		known |= NITRO_VPC_TCP_SYN;
		if (pkt->wscale != 0xff)
			known |= NITRO_VPC_TCP_SCALED | pkt->wscale;
	} else {
		known |= SCALE_UNKNOWN;
	}
	s->me->end = s->end;
	if (pkt->tcp_flags & TCPHDR_ACK) {
		known |= NITRO_VPC_TCP_ACKED;
		s->me->ack = pkt->ack;
		/* The window of a SYN is not scaled (RFC 7323, 2.2). */
		s->me->edge = pkt->ack + pkt->window;
		if (!(known & NITRO_VPC_TCP_SYN))
			s->me->edge = pkt->ack +
				      ((u32)pkt->window << SCALE_UNKNOWN);
	} else {
		s->me->ack = pkt->seq + 1;
		s->me->edge = 0;
	}

	/* Both sides scale or none does. */
	if (known & *s->peer_known & NITRO_VPC_TCP_SYN &&
	    !(known & *s->peer_known & NITRO_VPC_TCP_SCALED)) {
		known &= ~NITRO_VPC_TCP_SCALE;
		*s->peer_known &= ~NITRO_VPC_TCP_SCALE;
	}
	*s->me_known = known;
}

static void forget(const struct segment *s)
{
	*s->me_known = 0;
	*s->peer_known = 0;
	s->flow->tcp_syn = 0;
}

/* Does the packet acknowledge the peer's SYN? */
static bool acks_syn(const struct segment *s)
{
	return *s->peer_known & NITRO_VPC_TCP_SYN &&
	       !before(s->pkt->ack, s->peer->ack) &&
	       !after(s->pkt->ack, s->peer->end);
}

/* Will the peer's TCP take it for part of its window? */
static bool in_window(const struct segment *s)
{
	if (!(*s->peer_known & NITRO_VPC_TCP_ACKED))
		return true;
	return !before(s->end, READ_ONCE(s->peer->ack)) &&
	       !after(s->pkt->seq, READ_ONCE(s->peer->edge));
}

/* Before a connection is open, an acknowledgement of something else than the
 * SYN is answered with a RST at that very place (RFC 9293, 3.10.7.3).
 */
static void remember_challenge(const struct segment *s)
{
	if (*s->me_known)
		return;
	s->me->ack = s->pkt->ack;
	s->me->edge = s->pkt->ack;
}

static bool answers_challenge(const struct segment *s)
{
	return !*s->peer_known && s->peer->edge &&
	       s->peer->edge == s->peer->ack && s->pkt->seq == s->peer->ack;
}

static enum nitro_vpc_drop refuse(const struct segment *s)
{
	return nitro_vpc_flow_tracked(s->flow) ? NITRO_VPC_DROP_FLOW_STATE :
						 NITRO_VPC_PASS;
}

static bool from_originator(const struct segment *s)
{
	bool ingress = s->flow->flags & NITRO_VPC_FLOW_F_INGRESS;

	return ingress == (s->pkt->direction == NITRO_VPC_DIRECTION_INGRESS);
}

static enum nitro_vpc_drop reset(const struct segment *s, u8 state)
{
	const struct nitro_vpc_packet *pkt = s->pkt;
	bool answers_syn = s->flow->tcp_syn &&
			   pkt->tcp_flags & TCPHDR_ACK &&
			   pkt->ack == s->flow->tcp_syn;
	bool valid;

	if (state == NITRO_VPC_FLOW_STATE_NONE ||
	    state == NITRO_VPC_FLOW_STATE_CLOSE || answers_syn)
		valid = true;
	else if (*s->peer_known & NITRO_VPC_TCP_ACKED)
		valid = !before(pkt->seq, READ_ONCE(s->peer->ack)) &&
			!after(pkt->seq, READ_ONCE(s->peer->edge));
	else if (*s->peer_known & NITRO_VPC_TCP_SYN)
		valid = pkt->tcp_flags & TCPHDR_ACK && acks_syn(s);
	else if (*s->me_known & NITRO_VPC_TCP_SYN)
		valid = answers_challenge(s) ||
			(!before(pkt->seq, s->me->ack) &&
			 !after(pkt->seq, s->me->end));
	else
		valid = true;

	if (!valid)
		return refuse(s);
	/* In the window, but neither where the receiver waits nor behind what
	 * the sender has sent: the receiver asks back before it believes it,
	 * and the answer comes with an exact number (RFC 5961, 3.2).
	 */
	if (*s->peer_known & NITRO_VPC_TCP_ACKED && !answers_syn &&
	    pkt->seq != s->peer->ack && pkt->seq != s->me->end)
		return NITRO_VPC_PASS;
	set_state(s->flow, state, NITRO_VPC_FLOW_STATE_CLOSE);
	return NITRO_VPC_PASS;
}

static enum nitro_vpc_drop synchronize(const struct segment *s, u8 state)
{
	switch (state) {
	case NITRO_VPC_FLOW_STATE_TIME_WAIT:
	case NITRO_VPC_FLOW_STATE_CLOSE:
		/* Of a tracked flow only when two packets race, as
		 * nitro_vpc_flow_match() does not find it.
		 */
		forget(s);
		fallthrough;
	case NITRO_VPC_FLOW_STATE_NONE:
		begin(s);
		set_state(s->flow, state, NITRO_VPC_FLOW_STATE_SYN_SENT);
		break;
	case NITRO_VPC_FLOW_STATE_SYN_SENT:
		/* Again, or anew with another sequence number, or from both
		 * sides at once.
		 */
		begin(s);
		if (*s->peer_known & NITRO_VPC_TCP_SYN)
			set_state(s->flow, state,
				  NITRO_VPC_FLOW_STATE_SYN_RECV);
		break;
	default:
		if ((*s->me_known & (NITRO_VPC_TCP_SYN | NITRO_VPC_TCP_ACKED)) ==
		    NITRO_VPC_TCP_SYN && s->pkt->seq + 1 == s->me->ack)
			break;
		/* A connection the other way round would not ask the rules. */
		if (!from_originator(s))
			return refuse(s);
		/* The sender may have forgotten the connection. What the other
		 * side says will tell.
		 */
		WRITE_ONCE(s->flow->tcp_syn, s->pkt->seq + 1);
	}
	return NITRO_VPC_PASS;
}

static enum nitro_vpc_drop synchronize_ack(const struct segment *s, u8 state)
{
	u8 next = NITRO_VPC_FLOW_STATE_SYN_RECV;

	switch (state) {
	case NITRO_VPC_FLOW_STATE_NONE:
		begin(s);
		set_state(s->flow, state, next);
		return NITRO_VPC_PASS;
	case NITRO_VPC_FLOW_STATE_SYN_SENT:
	case NITRO_VPC_FLOW_STATE_SYN_RECV:
		if (*s->peer_known & NITRO_VPC_TCP_ACKED) {
			if (after(s->pkt->ack, s->peer->end))
				return NITRO_VPC_PASS;
			next = NITRO_VPC_FLOW_STATE_ESTABLISHED;
		} else if (*s->peer_known && !acks_syn(s)) {
			remember_challenge(s);
			return NITRO_VPC_PASS;
		} else if (state == NITRO_VPC_FLOW_STATE_SYN_SENT &&
			   !*s->peer_known) {
			/* Nobody has sent a SYN that it could answer. */
			return refuse(s);
		}
		begin(s);
		set_state(s->flow, state, next);
		return NITRO_VPC_PASS;
	case NITRO_VPC_FLOW_STATE_TIME_WAIT:
	case NITRO_VPC_FLOW_STATE_CLOSE:
		return from_originator(s) ? refuse(s) : NITRO_VPC_PASS;
	}

	if (!s->flow->tcp_syn || s->pkt->ack != s->flow->tcp_syn)
		return from_originator(s) ? refuse(s) : NITRO_VPC_PASS;
	/* The old SYN/ACK again, after the old SYN again: until it is answered
	 * there can only be early data behind it.
	 */
	if (!after(s->end, s->me->end) && s->me->end - s->end <= U16_MAX)
		return NITRO_VPC_PASS;
	/* Both sides have a new connection that the rules have not seen. */
	forget(s);
	if (nitro_vpc_flow_tracked(s->flow)) {
		/* The next try of the SYN makes a flow of its own. */
		set_state(s->flow, state, NITRO_VPC_FLOW_STATE_CLOSE);
		return NITRO_VPC_DROP_FLOW_STATE;
	}
	begin(s);
	set_state(s->flow, state, NITRO_VPC_FLOW_STATE_SYN_RECV);
	return NITRO_VPC_PASS;
}

/* Not open yet. Returns the state that a packet with only ACK leads to. */
static u8 acknowledge_early(const struct segment *s, u8 state)
{
	if (!*s->me_known) {
		begin(s);
	} else {
		if (!(*s->me_known & NITRO_VPC_TCP_ACKED)) {
			s->me->ack = s->pkt->ack;
			s->me->edge = s->pkt->ack;
			*s->me_known |= NITRO_VPC_TCP_ACKED;
		}
		advance(s);
	}
	return *s->peer_known & NITRO_VPC_TCP_ACKED ?
	       NITRO_VPC_FLOW_STATE_ESTABLISHED :
	       NITRO_VPC_FLOW_STATE_SYN_RECV;
}

static u8 finish(const struct segment *s, u8 state)
{
	*s->me_known |= NITRO_VPC_TCP_FIN;
	return *s->peer_known & NITRO_VPC_TCP_FIN ?
	       NITRO_VPC_FLOW_STATE_LAST_ACK : NITRO_VPC_FLOW_STATE_FIN_WAIT;
}

static enum nitro_vpc_drop acknowledge(const struct segment *s, u8 state)
{
	u8 next = state;

	switch (state) {
	case NITRO_VPC_FLOW_STATE_SYN_SENT:
		/* The sender of the SYN has nothing to acknowledge yet, and
		 * nobody has anything to close.
		 */
		if (*s->me_known || s->pkt->tcp_flags & TCPHDR_FIN)
			return refuse(s);
		remember_challenge(s);
		return NITRO_VPC_PASS;
	case NITRO_VPC_FLOW_STATE_SYN_RECV:
		if (*s->peer_known && after(s->pkt->ack, s->peer->end))
			return NITRO_VPC_PASS;
		if (*s->peer_known & NITRO_VPC_TCP_SYN &&
		    !(*s->peer_known & NITRO_VPC_TCP_ACKED) && !acks_syn(s))
			return NITRO_VPC_PASS;
		fallthrough;
	case NITRO_VPC_FLOW_STATE_NONE:
		next = acknowledge_early(s, state);
		break;
	case NITRO_VPC_FLOW_STATE_TIME_WAIT:
	case NITRO_VPC_FLOW_STATE_CLOSE:
		return NITRO_VPC_PASS;
	default:
		if (s->pkt->tcp_flags & TCPHDR_FIN && !in_window(s))
			return NITRO_VPC_PASS;
		if (*s->me_known)
			advance(s);
		else
			begin(s);
	}

	if (s->pkt->tcp_flags & TCPHDR_FIN &&
	    !(*s->me_known & NITRO_VPC_TCP_FIN))
		next = finish(s, state);
	if (next == NITRO_VPC_FLOW_STATE_FIN_WAIT &&
	    *s->peer_known & NITRO_VPC_TCP_FIN &&
	    !before(s->me->ack, s->peer->end))
		next = NITRO_VPC_FLOW_STATE_CLOSE_WAIT;
	if (next == NITRO_VPC_FLOW_STATE_LAST_ACK &&
	    !before(s->me->ack, s->peer->end) &&
	    !before(s->peer->ack, s->me->end))
		next = NITRO_VPC_FLOW_STATE_TIME_WAIT;
	if (next != state)
		set_state(s->flow, state, next);
	return NITRO_VPC_PASS;
}

/**
 * nitro_vpc_flow_tcp() - what a TCP packet means to its flow
 * @flow: the flow; only its state and what is called tcp is touched
 * @pkt: the packet
 *
 * Context: any; lock-free.
 * Return: NITRO_VPC_PASS, or NITRO_VPC_DROP_FLOW_STATE if it does not belong to
 * the connection. Packets of untracked flows always pass.
 */
enum nitro_vpc_drop nitro_vpc_flow_tcp(struct nitro_vpc_flow *flow,
				       const struct nitro_vpc_packet *pkt)
{
	u8 state = READ_ONCE(flow->state);
	bool me = pkt->direction;
	struct segment s = {
		.flow = flow,
		.pkt = pkt,
		.me = &flow->tcp[me],
		.peer = &flow->tcp[!me],
		.me_known = &flow->tcp_known[me],
		.peer_known = &flow->tcp_known[!me],
	};

	if (unlikely(pkt->later))
		return NITRO_VPC_PASS;

	s.end = segment_end(pkt);
	if (likely(state == NITRO_VPC_FLOW_STATE_ESTABLISHED &&
		   !(pkt->tcp_flags & FLAGS_CONTROL))) {
		advance(&s);
		return NITRO_VPC_PASS;
	}

	if (pkt->tcp_flags & TCPHDR_RST)
		return reset(&s, state);
	if ((pkt->tcp_flags & (TCPHDR_SYN | TCPHDR_ACK)) == TCPHDR_SYN)
		return synchronize(&s, state);
	if (pkt->tcp_flags & TCPHDR_SYN)
		return synchronize_ack(&s, state);
	return acknowledge(&s, state);
}
EXPORT_SYMBOL_IF_KUNIT(nitro_vpc_flow_tcp);
