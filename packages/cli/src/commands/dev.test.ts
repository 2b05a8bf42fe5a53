/** What `fila dev` changes in the settings, and that nobody who chose otherwise is overruled. */
import { loadSettings } from '@fila/broker';
import { describe, expect, it } from 'vitest';
import { settingsFor, type DevOllama } from './dev.ts';

const OLLAMA: DevOllama = {
  ...{ url: 'http://127.0.0.1:9', askedUrl: 'http://127.0.0.1:11434', isSimulated: true, model: 'm' },
};

describe('the settings of fila dev', () => {
  it('are quiet, use the Ollama that was found, and let webhooks go to this machine', () => {
    expect(settingsFor(loadSettings({ env: {} }), OLLAMA)).toMatchObject({
      logLevel: 'warn',
      defaultModel: 'm',
      webhookAllowCidrs: ['127.0.0.0/8', '::1/128'],
      ollamaUrls: [{ url: 'http://127.0.0.1:9' }],
    });
  });

  it('are those that were chosen, where they were', () => {
    const env = { FILA_LOG_LEVEL: 'debug', FILA_WEBHOOK_ALLOW_CIDRS: '10.1.0.0/16' };
    const settings = settingsFor(loadSettings({ env }), { ...OLLAMA, isSimulated: false });
    expect(settings).toMatchObject({ logLevel: 'debug', webhookAllowCidrs: ['10.1.0.0/16'] });
    expect(settings.ollamaUrls).toEqual(loadSettings({ env }).settings.ollamaUrls);
  });
});
