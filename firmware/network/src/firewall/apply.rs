//! Installation of a ruleset in one netlink transaction that replaces the whole table: packets see
//! the old rules or the new, never half of them, and never none.

use netlink_packet_core::{NLM_F_ACK, NLM_F_APPEND, NLM_F_CREATE, NLMSG_ERROR};
use netlink_packet_netfilter::{
    NetfilterHeader, NetfilterMessage, NetfilterMessageInner, NetfilterProtoFamily,
    nftables::{
        ChainAttribute, ChainMessage, Hook as HookAttribute, HookNumber, NfTablesMessage,
        RuleAttribute, RuleMessage, TableAttribute, TableMessage,
    },
    none::ControlMessage,
};
use netlink_sys::protocols::NETLINK_NETFILTER;

use super::{Chain, Rule, Ruleset, encode};
use crate::kernel::{Netlink, NetlinkError};

/// `NFNL_SUBSYS_NFTABLES`: the subsystem that a batch is for.
const NFTABLES: u16 = 10;

/// The kernel did not accept the ruleset; the previous one stays installed.
#[derive(Debug, thiserror::Error)]
pub enum FirewallError {
    /// The netlink socket failed.
    #[error(transparent)]
    Netlink(#[from] NetlinkError),
    /// The kernel refused one step of the transaction. "No such file or directory" means that a
    /// module for it is missing.
    #[error("{step}: {source}")]
    Refused {
        /// The step, as text.
        step: String,
        /// Its reason.
        source: std::io::Error,
    },
    /// The kernel did not answer.
    #[error("no answer to a transaction of {steps} steps")]
    NoAnswer {
        /// Messages sent.
        steps: usize,
    },
}

/// Replaces the table by `ruleset` atomically.
///
/// # Errors
/// The kernel's refusal, with the rule it refused.
pub fn apply(ruleset: &Ruleset) -> Result<(), FirewallError> {
    let transaction = Transaction::replacing(ruleset);
    let netlink = Netlink::open(NETLINK_NETFILTER)?;
    netlink
        .send_bytes(&transaction.bytes)
        .map_err(NetlinkError::while_doing(format!(
            "sending {} bytes of firewall",
            transaction.bytes.len()
        )))?;
    while let Ok(answers) = netlink.receive() {
        for answer in answers.iter().filter(|answer| answer.kind == NLMSG_ERROR) {
            match answer.result() {
                Err(source) => {
                    let step = transaction.step(answer.sequence);
                    return Err(FirewallError::Refused { step, source });
                }
                Ok(()) if answer.sequence == transaction.last => return Ok(()),
                Ok(()) => {}
            }
        }
    }
    Err(FirewallError::NoAnswer {
        steps: transaction.steps.len(),
    })
}

/// A batch of messages; message number *n* is step *n*.
struct Transaction {
    bytes: Vec<u8>,
    steps: Vec<String>,
    last: u32,
}

impl Transaction {
    fn replacing(ruleset: &Ruleset) -> Self {
        let mut batch = Self {
            bytes: Vec::new(),
            steps: Vec::new(),
            last: 0,
        };
        let table = || TableMessage {
            attributes: vec![TableAttribute::Name(ruleset.table.into())],
        };
        batch.control(ControlMessage::BatchBegin);
        // Deleting needs an existing table; creating an existing one changes nothing.
        batch.push(
            "creating the table",
            NfTablesMessage::NewTable(table()),
            NLM_F_CREATE,
        );
        batch.push(
            "emptying the table",
            NfTablesMessage::DeleteTable(table()),
            0,
        );
        batch.push(
            "creating the table",
            NfTablesMessage::NewTable(table()),
            NLM_F_CREATE,
        );
        for chain in &ruleset.chains {
            let message = NfTablesMessage::NewChain(chain_message(ruleset, chain));
            batch.push(format!("chain {}", chain.name), message, NLM_F_CREATE);
        }
        for chain in &ruleset.chains {
            for rule in &chain.rules {
                let message = NfTablesMessage::NewRule(rule_message(ruleset, chain, rule));
                let step = format!("rule \"{rule}\" in chain {}", chain.name);
                batch.push(step, message, NLM_F_CREATE | NLM_F_APPEND);
            }
        }
        // Requests the one acknowledgement that confirms all of it.
        batch.push(
            "creating the table",
            NfTablesMessage::NewTable(table()),
            NLM_F_CREATE | NLM_F_ACK,
        );
        batch.last = batch.number();
        batch.control(ControlMessage::BatchEnd);
        batch
    }

    fn control(&mut self, message: ControlMessage) {
        let header = NetfilterHeader::new(NetfilterProtoFamily::Unspec, 0, NFTABLES);
        self.add("the transaction as a whole".into(), header, message, 0);
    }

    fn push(&mut self, step: impl Into<String>, message: NfTablesMessage, flags: u16) {
        let header = NetfilterHeader::new(NetfilterProtoFamily::Inet, 0, 0);
        self.add(step.into(), header, message, flags);
    }

    fn add(
        &mut self,
        step: String,
        header: NetfilterHeader,
        message: impl Into<NetfilterMessageInner>,
        flags: u16,
    ) {
        self.steps.push(step);
        let message = NetfilterMessage::new(header, message);
        let number = self.number();
        self.bytes
            .extend(crate::kernel::serialize(message, flags, number));
    }

    fn number(&self) -> u32 {
        u32::try_from(self.steps.len()).unwrap_or(u32::MAX)
    }

    fn step(&self, number: u32) -> String {
        let index = usize::try_from(number)
            .ok()
            .and_then(|number| number.checked_sub(1));
        let step = index.and_then(|index| self.steps.get(index));
        step.cloned().unwrap_or_else(|| format!("step {number}"))
    }
}

fn chain_message(ruleset: &Ruleset, chain: &Chain) -> ChainMessage {
    // The kernel reads the priority as a signed number.
    let priority = encode::priority_number(chain.priority).cast_unsigned();
    ChainMessage {
        attributes: vec![
            ChainAttribute::Table(ruleset.table.into()),
            ChainAttribute::Name(chain.name.into()),
            ChainAttribute::Type(encode::chain_type(chain.kind).into()),
            ChainAttribute::Hook(vec![
                HookAttribute::Number(HookNumber::Other(encode::hook_number(chain.hook))),
                HookAttribute::Priority(priority),
            ]),
            ChainAttribute::Policy(encode::verdict_code(chain.policy)),
        ],
    }
}

fn rule_message(ruleset: &Ruleset, chain: &Chain, rule: &Rule) -> RuleMessage {
    let expressions = encode::rule(rule).into_iter().map(Into::into).collect();
    RuleMessage {
        attributes: vec![
            RuleAttribute::Table(ruleset.table.into()),
            RuleAttribute::Chain(chain.name.into()),
            RuleAttribute::Expressions(expressions),
        ],
    }
}
