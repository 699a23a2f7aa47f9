// SPDX-License-Identifier: GPL-2.0
/* The ENI's netdev: what `ip link` and `ethtool` see. */

#include <linux/etherdevice.h>
#include <linux/ethtool.h>
#include <linux/hash.h>
#include <net/geneve.h>
#include <net/rtnetlink.h>

#include "card.h"
#include "datapath.h"
#include "eni.h"
#include "flow.h"
#include "fragment.h"
#include "netlink.h"
#include "port.h"
#include "router.h"
#include "tap.h"

#define ENI_HEADROOM	(LL_MAX_HEADER + sizeof(struct ipv6hdr) + \
			 sizeof(struct udphdr) + sizeof(struct genevehdr) + \
			 ETH_HLEN)

/* EC2: ENIs pass 1024 packets/s to link-local services, which cannot be
 * raised (VPC User Guide, amazon-vpc-limits).
 */
#define LINKLOCAL_PPS	1024
/* ICMP errors of the virtual router, as net.ipv4.icmp_msgs_per_sec */
#define ICMP_PPS	1000

static struct hlist_head *mac_head(struct nitro_vpc_card *card, u32 vni,
				   const u8 *mac)
{
	u32 low = get_unaligned((const u32 *)(mac + 2));

	return &card->eni_macs[hash_32(low ^ vni, ilog2(NITRO_VPC_ENI_MACS))];
}

/**
 * nitro_vpc_eni_by_mac() - the ENI that has a MAC address in a VPC
 * @card: the card
 * @vni: the VPC
 * @mac: the address
 *
 * Context: RCU read side.
 * Return: the ENI or NULL.
 */
struct nitro_vpc_eni *nitro_vpc_eni_by_mac(struct nitro_vpc_card *card,
					   u32 vni, const u8 *mac)
{
	struct nitro_vpc_eni *eni;

	hlist_for_each_entry_rcu(eni, mac_head(card, vni, mac), mac_node) {
		if (ether_addr_equal(eni->dev->dev_addr, mac) &&
		    rcu_dereference(eni->config)->vni == vni)
			return eni;
	}
	return NULL;
}

/**
 * nitro_vpc_eni_lookup() - the ENI that has a handle
 * @card: the card
 * @id: the handle
 *
 * Context: RCU read side, or card->lock.
 * Return: the ENI or NULL.
 */
struct nitro_vpc_eni *nitro_vpc_eni_lookup(struct nitro_vpc_card *card, u32 id)
{
	return xa_load(&card->enis, id);
}

/**
 * nitro_vpc_eni_by_ifindex() - the ENI that a netdev is
 * @card: the card
 * @net: the namespace that @ifindex counts in
 * @ifindex: the netdev
 *
 * Context: RTNL.
 * Return: the ENI, NULL if there is no such netdev, if it is no ENI or one of
 * another card.
 */
struct nitro_vpc_eni *nitro_vpc_eni_by_ifindex(struct nitro_vpc_card *card,
					       struct net *net, u32 ifindex)
{
	struct net_device *dev = __dev_get_by_index(net, ifindex);
	struct nitro_vpc_eni *eni;

	ASSERT_RTNL();
	if (!dev || dev->rtnl_link_ops != &nitro_vpc_eni_link_ops)
		return NULL;
	eni = netdev_priv(dev);
	return eni->card == card ? eni : NULL;
}

static void macs_remove(struct nitro_vpc_eni *eni)
{
	lockdep_assert_held(&eni->card->lock);
	if (!hlist_unhashed(&eni->mac_node))
		hlist_del_init_rcu(&eni->mac_node);
}

static void macs_add(struct nitro_vpc_eni *eni, u32 vni)
{
	lockdep_assert_held(&eni->card->lock);
	if (vni != NITRO_VPC_VNI_NONE)
		hlist_add_head_rcu(&eni->mac_node,
				   mac_head(eni->card, vni,
					    eni->dev->dev_addr));
}

static void set_buckets(struct nitro_vpc_eni *eni,
			const struct nitro_vpc_eni_config *config,
			const struct nitro_vpc_eni_config *old)
{
	/* A burst of 10 ms, but never less than one GSO packet. */
	if (!old || old->bandwidth_in != config->bandwidth_in)
		nitro_vpc_bucket_set(&eni->bucket_in, config->bandwidth_in / 8,
				     max_t(u64, config->bandwidth_in / 800,
					   GSO_LEGACY_MAX_SIZE));
	if (!old || old->bandwidth_out != config->bandwidth_out)
		nitro_vpc_bucket_set(&eni->bucket_out,
				     config->bandwidth_out / 8,
				     max_t(u64, config->bandwidth_out / 800,
					   GSO_LEGACY_MAX_SIZE));
	if (!old || old->pps != config->pps)
		nitro_vpc_bucket_set(&eni->bucket_pps, config->pps,
				     max_t(u64, config->pps / 100, 64));
	if (!old || old->connection_rate != config->connection_rate)
		nitro_vpc_bucket_set(&eni->bucket_connections,
				     config->connection_rate,
				     max_t(u64, config->connection_rate / 100,
					   16));
}

static int take_service(struct nitro_vpc_eni *eni, u32 service,
			struct netlink_ext_ack *extack)
{
	int err = xa_insert(&eni->card->services, service, eni, GFP_KERNEL);

	if (err != -EBUSY)
		return err;
	NL_SET_ERR_MSG(extack,
		       "another ENI has this number at the service port");
	return -EEXIST;
}

/**
 * nitro_vpc_eni_configure() - give an ENI a new configuration
 * @eni: the ENI
 * @id: its handle; 0 keeps the present one
 * @config: the configuration; it belongs to the ENI if this succeeds
 * @extack: for errors
 *
 * Context: RTNL and card->lock held. The caller has taken the user counts of
 * the new policy and route table and releases those of the old ones.
 * Return: 0 or a negative errno, with nothing changed.
 */
int nitro_vpc_eni_configure(struct nitro_vpc_eni *eni, u32 id,
			    struct nitro_vpc_eni_config *config,
			    struct netlink_ext_ack *extack)
{
	struct nitro_vpc_card *card = eni->card;
	struct nitro_vpc_eni_config *old;
	struct nitro_vpc_eni *other;
	u32 service;
	int err;

	lockdep_assert_held(&card->lock);
	old = rcu_dereference_protected(eni->config,
					lockdep_is_held(&card->lock));

	if (config->vni != NITRO_VPC_VNI_NONE) {
		rcu_read_lock();
		other = nitro_vpc_eni_by_mac(card, config->vni,
					     eni->dev->dev_addr);
		rcu_read_unlock();
		if (other && other != eni) {
			NL_SET_ERR_MSG(extack,
				       "another ENI of the VPC has this MAC address");
			return -EEXIST;
		}
	}

	service = old ? old->service : 0;
	if (config->service && config->service != service) {
		err = take_service(eni, config->service, extack);
		if (err)
			return err;
	}
	if (id && id != eni->id) {
		if (eni->id) {
			NL_SET_ERR_MSG(extack,
				       "the ENI's id cannot be changed");
			err = -EBUSY;
			goto err_service;
		}
		err = xa_insert(&card->enis, id, eni, GFP_KERNEL);
		if (err == -EBUSY) {
			NL_SET_ERR_MSG(extack, "another ENI has this id");
			err = -EEXIST;
		}
		if (err)
			goto err_service;
		WRITE_ONCE(eni->id, id);
	}

	/* What is on its way to the old number finds a configuration that does
	 * not have it.
	 */
	if (service != config->service && service)
		xa_erase(&card->services, service);
	if (config->service)
		nitro_vpc_router_start(card);
	set_buckets(eni, config, old);
	if (!old || old->vni != config->vni) {
		/* The flows belong to the old VPC. Until they are gone, the
		 * new generation keeps packets from using their path.
		 */
		macs_remove(eni);
		rcu_assign_pointer(eni->config, config);
		macs_add(eni, config->vni);
		nitro_vpc_card_changed(card);
		if (old && old->vni != NITRO_VPC_VNI_NONE) {
			synchronize_net();
			nitro_vpc_flow_flush(eni);
		}
	} else {
		rcu_assign_pointer(eni->config, config);
		nitro_vpc_card_changed(card);
	}
	if (old)
		kfree_rcu(old, rcu);
	return 0;

err_service:
	if (config->service && config->service != service)
		xa_erase(&card->services, config->service);
	return err;
}

static netdev_tx_t eni_xmit(struct sk_buff *skb, struct net_device *dev)
{
	skb_tx_timestamp(skb);
	/* The stack holds the BH flavour only. */
	rcu_read_lock();
	nitro_vpc_egress(netdev_priv(dev), skb);
	rcu_read_unlock();
	return NETDEV_TX_OK;
}

static int eni_ndo_init(struct net_device *dev)
{
	struct nitro_vpc_eni *eni = netdev_priv(dev);
	int err;

	eni->drops = alloc_percpu(struct nitro_vpc_drop_counters);
	if (!eni->drops)
		return -ENOMEM;
	err = gro_cells_init(&eni->gro_cells, dev);
	if (err) {
		free_percpu(eni->drops);
		return err;
	}
	netdev_lockdep_set_classes(dev);
	return 0;
}

/* Nothing finds the ENI any more and every packet that did has left. */
static void eni_ndo_uninit(struct net_device *dev)
{
	struct nitro_vpc_eni *eni = netdev_priv(dev);
	struct nitro_vpc_eni_config *config;

	nitro_vpc_flow_flush(eni);
	nitro_vpc_fragment_flush(eni);
	gro_cells_destroy(&eni->gro_cells);

	mutex_lock(&eni->card->lock);
	config = rcu_replace_pointer(eni->config, NULL,
				     lockdep_is_held(&eni->card->lock));
	if (config && config->policy)
		config->policy->shared.users--;
	if (config && config->route_table)
		config->route_table->shared.users--;
	mutex_unlock(&eni->card->lock);
	if (config)
		kfree_rcu(config, rcu);
}

static void eni_destructor(struct net_device *dev)
{
	struct nitro_vpc_eni *eni = netdev_priv(dev);

	free_percpu(eni->drops);
}

static int eni_set_mac(struct net_device *dev, void *addr)
{
	struct nitro_vpc_eni *eni = netdev_priv(dev);
	struct nitro_vpc_card *card = eni->card;
	struct nitro_vpc_eni_config *config;
	struct sockaddr *sa = addr;
	struct nitro_vpc_eni *other;
	int err;

	mutex_lock(&card->lock);
	config = rcu_dereference_protected(eni->config,
					   lockdep_is_held(&card->lock));
	rcu_read_lock();
	other = nitro_vpc_eni_by_mac(card, config->vni, sa->sa_data);
	rcu_read_unlock();
	if (other && other != eni) {
		err = -EADDRINUSE;
		goto unlock;
	}
	macs_remove(eni);
	err = eth_mac_addr(dev, addr);
	macs_add(eni, config->vni);
	nitro_vpc_card_changed(card);
unlock:
	mutex_unlock(&card->lock);
	return err;
}

static const struct net_device_ops eni_netdev_ops = {
	.ndo_init = eni_ndo_init,
	.ndo_uninit = eni_ndo_uninit,
	.ndo_start_xmit = eni_xmit,
	.ndo_validate_addr = eth_validate_addr,
	.ndo_set_mac_address = eni_set_mac,
	.ndo_add_slave = nitro_vpc_port_add,
	.ndo_del_slave = nitro_vpc_port_del,
};

/* The first six are ENA's (ena_ethtool.c), so that what reads them works. */
static const char *const counter_names[] = {
	"bw_in_allowance_exceeded",
	"bw_out_allowance_exceeded",
	"pps_allowance_exceeded",
	"conntrack_allowance_exceeded",
	"linklocal_allowance_exceeded",
	"conntrack_allowance_available",
	"flows",
};

/**
 * nitro_vpc_eni_counter_names() - names of an ENI's counters
 * @names: set to them
 *
 * Context: any.
 * Return: how many there are.
 */
int nitro_vpc_eni_counter_names(const char *const **names)
{
	*names = counter_names;
	return ARRAY_SIZE(counter_names);
}

/**
 * nitro_vpc_eni_counters() - an ENI's counters
 * @eni: the ENI
 * @values: as many as nitro_vpc_eni_counter_names() says
 *
 * Context: RTNL, RCU read side, or card->lock.
 */
void nitro_vpc_eni_counters(struct nitro_vpc_eni *eni, u64 *values)
{
	u32 limit = 0, flows = atomic_read(&eni->flows);
	struct nitro_vpc_eni_config *config;

	rcu_read_lock();
	config = rcu_dereference(eni->config);
	if (config)
		limit = config->flow_limit;
	rcu_read_unlock();

	values[0] = nitro_vpc_drop_sum(eni->drops, NITRO_VPC_DROP_BANDWIDTH_IN);
	values[1] = nitro_vpc_drop_sum(eni->drops, NITRO_VPC_DROP_BANDWIDTH_OUT);
	values[2] = nitro_vpc_drop_sum(eni->drops, NITRO_VPC_DROP_PPS);
	values[3] = nitro_vpc_drop_sum(eni->drops, NITRO_VPC_DROP_FLOW_LIMIT);
	values[4] = nitro_vpc_drop_sum(eni->drops, NITRO_VPC_DROP_LINKLOCAL);
	values[5] = limit > flows ? limit - flows : 0;
	values[6] = flows;
}

static void eni_get_drvinfo(struct net_device *dev,
			    struct ethtool_drvinfo *info)
{
	strscpy(info->driver, "nitro_vpc", sizeof(info->driver));
}

static int eni_get_sset_count(struct net_device *dev, int sset)
{
	if (sset != ETH_SS_STATS)
		return -EOPNOTSUPP;
	return ARRAY_SIZE(counter_names) + NITRO_VPC_DROP_MAX - 1;
}

static void eni_get_strings(struct net_device *dev, u32 sset, u8 *data)
{
	int i;

	if (sset != ETH_SS_STATS)
		return;
	for (i = 0; i < ARRAY_SIZE(counter_names); i++)
		ethtool_puts(&data, counter_names[i]);
	for (i = 1; i < NITRO_VPC_DROP_MAX; i++)
		ethtool_sprintf(&data, "drop_%s", nitro_vpc_drop_name(i));
}

static void eni_get_stats(struct net_device *dev, struct ethtool_stats *stats,
			  u64 *data)
{
	struct nitro_vpc_eni *eni = netdev_priv(dev);
	int i;

	nitro_vpc_eni_counters(eni, data);
	data += ARRAY_SIZE(counter_names);
	for (i = 1; i < NITRO_VPC_DROP_MAX; i++)
		*data++ = nitro_vpc_drop_sum(eni->drops, i);
}

static const struct ethtool_ops eni_ethtool_ops = {
	.get_drvinfo = eni_get_drvinfo,
	.get_link = ethtool_op_get_link,
	.get_sset_count = eni_get_sset_count,
	.get_strings = eni_get_strings,
	.get_ethtool_stats = eni_get_stats,
	.get_ts_info = ethtool_op_get_ts_info,
};

static const struct device_type eni_type = {
	.name = "nitro",
};

static void eni_setup(struct net_device *dev)
{
	netdev_features_t features = NETIF_F_SG | NETIF_F_FRAGLIST |
				     NETIF_F_HW_CSUM | NETIF_F_RXCSUM |
				     NETIF_F_HIGHDMA | NETIF_F_GSO_SOFTWARE;

	ether_setup(dev);
	SET_NETDEV_DEVTYPE(dev, &eni_type);
	dev->netdev_ops = &eni_netdev_ops;
	dev->ethtool_ops = &eni_ethtool_ops;
	dev->needs_free_netdev = true;
	dev->priv_destructor = eni_destructor;
	dev->pcpu_stat_type = NETDEV_PCPU_STAT_TSTATS;
	dev->lltx = true;
	dev->priv_flags |= IFF_NO_QUEUE | IFF_LIVE_ADDR_CHANGE;
	dev->priv_flags &= ~IFF_TX_SKB_SHARING;
	netif_keep_dst(dev);
	dev->features |= features;
	dev->hw_features |= features;
	dev->vlan_features |= features;
	dev->needed_headroom = ENI_HEADROOM;
	dev->tx_queue_len = 1000;
	dev->mtu = NITRO_VPC_MTU_DEFAULT;
	dev->min_mtu = IPV4_MIN_MTU;
	dev->max_mtu = IP_MAX_MTU - ENI_HEADROOM;
	eth_hw_addr_random(dev);
}

static int eni_newlink(struct net_device *dev,
		       struct rtnl_newlink_params *params,
		       struct netlink_ext_ack *extack)
{
	struct nitro_vpc_eni *eni = netdev_priv(dev);
	struct nitro_vpc_eni_config *config;
	struct nlattr **data = params->data;
	int err;

	eni->dev = dev;
	eni->card = nitro_vpc_card_of(params->src_net);
	INIT_HLIST_NODE(&eni->mac_node);
	nitro_vpc_bucket_set(&eni->bucket_linklocal, LINKLOCAL_PPS,
			     LINKLOCAL_PPS);
	nitro_vpc_bucket_set(&eni->bucket_icmp, ICMP_PPS, 50);

	config = nitro_vpc_eni_config_alloc(0, 0, GFP_KERNEL);
	if (!config)
		return -ENOMEM;

	err = nitro_vpc_tap_prepare(eni);
	if (err)
		goto err_config;

	mutex_lock(&eni->card->lock);
	err = nitro_vpc_eni_configure(eni,
				      data && data[NITRO_VPC_A_ENI_ID] ?
				      nla_get_u32(data[NITRO_VPC_A_ENI_ID]) : 0,
				      config, extack);
	mutex_unlock(&eni->card->lock);
	if (err)
		goto err_tap;

	err = register_netdevice(dev);
	if (err)
		goto err_unconfigure;

	mutex_lock(&eni->card->lock);
	list_add_tail(&eni->node, &eni->card->eni_list);
	eni->card->n_enis++;
	mutex_unlock(&eni->card->lock);
	if (eni->id)
		nitro_vpc_netlink_notify(eni->card, NITRO_VPC_OBJECT_KIND_ENI,
					 eni->id, false);
	return 0;

err_unconfigure:
	if (eni->id)
		xa_erase(&eni->card->enis, eni->id);
	/* If ndo_init ran then ndo_uninit has freed it. */
	config = rcu_replace_pointer(eni->config, NULL, true);
	/* A packet may have found the ENI by its handle. */
	synchronize_net();
	kfree(config);
	nitro_vpc_tap_release(eni);
	return err;

err_tap:
	nitro_vpc_tap_release(eni);
err_config:
	kfree(config);
	return err;
}

/**
 * nitro_vpc_eni_dellink() - delete an ENI
 * @dev: its netdev
 * @head: list to put it on, as for unregister_netdevice_queue()
 *
 * Nothing finds the ENI afterwards; its flows go when the netdev is down and
 * the packets under way have left, in ndo_uninit.
 *
 * Context: RTNL.
 */
void nitro_vpc_eni_dellink(struct net_device *dev, struct list_head *head)
{
	struct nitro_vpc_eni *eni = netdev_priv(dev);
	struct nitro_vpc_card *card = eni->card;
	struct nitro_vpc_eni_config *config;
	struct net_device *port;

	ASSERT_RTNL();
	port = rtnl_dereference(eni->port);
	if (port)
		nitro_vpc_port_del(dev, port);

	mutex_lock(&card->lock);
	if (eni->id)
		xa_erase(&card->enis, eni->id);
	config = rcu_dereference_protected(eni->config,
					   lockdep_is_held(&card->lock));
	if (config->service)
		xa_erase(&card->services, config->service);
	macs_remove(eni);
	list_del_init(&eni->node);
	card->n_enis--;
	nitro_vpc_card_changed(card);
	mutex_unlock(&card->lock);

	if (eni->id)
		nitro_vpc_netlink_notify(card, NITRO_VPC_OBJECT_KIND_ENI,
					 eni->id, true);
	nitro_vpc_tap_release(eni);
	unregister_netdevice_queue(dev, head);
}

static size_t eni_get_size(const struct net_device *dev)
{
	const struct nitro_vpc_eni *eni = netdev_priv(dev);
	const struct nitro_vpc_eni_config *config;
	size_t prefixes;

	/* A dump of links holds only RCU. */
	rcu_read_lock();
	config = rcu_dereference(eni->config);
	prefixes = config ? config->n_addresses + config->n_subnets : 0;
	rcu_read_unlock();
	return 7 * nla_total_size(sizeof(u32)) +
	       prefixes *
	       (nla_total_size(0) + nla_total_size(16) + nla_total_size(4));
}

static int eni_fill_info(struct sk_buff *skb, const struct net_device *dev)
{
	const struct nitro_vpc_eni *eni = netdev_priv(dev);
	int err = 0;

	/* The same attributes as in the generic netlink family. */
	if (eni->id && nla_put_u32(skb, NITRO_VPC_A_ENI_ID, eni->id))
		return -EMSGSIZE;
	rcu_read_lock();
	err = nitro_vpc_eni_config_fill(skb, rcu_dereference(eni->config));
	rcu_read_unlock();
	return err;
}

static struct net *eni_get_link_net(const struct net_device *dev)
{
	const struct nitro_vpc_eni *eni = netdev_priv(dev);

	return eni->card->net;
}

static int eni_validate(struct nlattr *tb[], struct nlattr *data[],
			struct netlink_ext_ack *extack)
{
	if (tb[IFLA_ADDRESS]) {
		if (nla_len(tb[IFLA_ADDRESS]) != ETH_ALEN ||
		    !is_valid_ether_addr(nla_data(tb[IFLA_ADDRESS]))) {
			NL_SET_ERR_MSG_ATTR(extack, tb[IFLA_ADDRESS],
					    "not a unicast Ethernet address");
			return -EADDRNOTAVAIL;
		}
	}
	return 0;
}

static const struct nla_policy eni_link_policy[NITRO_VPC_A_ENI_ID + 1] = {
	[NITRO_VPC_A_ENI_ID] = NLA_POLICY_MIN(NLA_U32, 1),
};

NITRO_RTNL_NEWLINK(eni_newlink);

struct rtnl_link_ops nitro_vpc_eni_link_ops __read_mostly = {
	.kind = "nitro",
	.priv_size = sizeof(struct nitro_vpc_eni),
	.maxtype = NITRO_VPC_A_ENI_ID,
	.policy = eni_link_policy,
	.setup = eni_setup,
	.validate = eni_validate,
	.newlink = NITRO_RTNL_NEWLINK_OP(eni_newlink),
	.dellink = nitro_vpc_eni_dellink,
	.get_size = eni_get_size,
	.fill_info = eni_fill_info,
	.get_link_net = eni_get_link_net,
};

static int eni_event(struct notifier_block *nb, unsigned long event, void *ptr)
{
	struct net_device *dev = netdev_notifier_info_to_dev(ptr);
	int err;

	if (dev->rtnl_link_ops == &nitro_vpc_eni_link_ops) {
		err = nitro_vpc_tap_event(netdev_priv(dev), event);
		if (err)
			return notifier_from_errno(err);
	} else if (event == NETDEV_UNREGISTER) {
		nitro_vpc_port_gone(dev);
	}
	return NOTIFY_DONE;
}

static struct notifier_block eni_notifier = {
	.notifier_call = eni_event,
};

/**
 * nitro_vpc_eni_init() - register the link kind "nitro"
 *
 * Context: module load; may sleep.
 * Return: 0 or a negative errno.
 */
int __init nitro_vpc_eni_init(void)
{
	int err;

	err = nitro_vpc_tap_init();
	if (err)
		return err;
	err = register_netdevice_notifier(&eni_notifier);
	if (err)
		goto err_tap;
	err = rtnl_link_register(&nitro_vpc_eni_link_ops);
	if (err)
		goto err_notifier;
	return 0;

err_notifier:
	unregister_netdevice_notifier(&eni_notifier);
err_tap:
	nitro_vpc_tap_exit();
	return err;
}

/**
 * nitro_vpc_eni_exit() - delete all ENIs and the link kind
 *
 * Context: module load or unload; may sleep.
 */
void nitro_vpc_eni_exit(void)
{
	rtnl_link_unregister(&nitro_vpc_eni_link_ops);
	unregister_netdevice_notifier(&eni_notifier);
	nitro_vpc_tap_exit();
}
